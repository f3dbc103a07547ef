#!/usr/bin/env node
/** The program `kilonova`. What Node makes of the sources is kept, so that the next start is quicker. */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { defaultCacheDir } from '../../actors/setup/cache-dir.ts';

enableCompileCache(join(defaultCacheDir(), 'compiled'));
const { run } = await import('./program.ts');
await run(process.argv.slice(2));
// What a library has left of a connection that broke, a timer for one, must not keep a process that is done. But that its
// last words could not be written is heard of only now.
setImmediate(() => process.exit());
