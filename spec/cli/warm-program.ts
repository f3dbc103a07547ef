/**
 * The process behind WarmProgram: does one command line after another as `kilonova` would, each with its own exit code and
 * output, and looks whether anything is left of it that would have kept the process of its own from ending.
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { defaultCacheDir } from '../../actors/setup/cache-dir.ts';
import type { Ended } from './support.ts';

/** How long what is left may take to go (ms). */
const endingMs = 5_000;

enableCompileCache(join(defaultCacheDir(), 'compiled'));
const { run } = await import('../../transport/cli/program.ts');
const taken = { stdout: keepOutput(process.stdout), stderr: keepOutput(process.stderr) };

process.on('message', async (words: readonly string[]) => process.send?.(await runOnce(words)));
const atRest = process.getActiveResourcesInfo().length;
process.send?.('ready');

async function runOnce(words: readonly string[]): Promise<Ended> {
  process.exitCode = undefined;
  await run(words);
  const code = Number(process.exitCode ?? 0);
  const left = await leftOpen();
  const stdout = taken.stdout();
  const stderr = taken.stderr();
  return left === ''
    ? { code, stdout, stderr }
    : { code: null, stdout, stderr: `it does not end for ${left}\n${stderr}` };
}

/** What keeps the process that was not there when it began; empty when all is gone. */
async function leftOpen(): Promise<string> {
  const deadline = Date.now() + endingMs;
  for (;;) {
    const held = process.getActiveResourcesInfo();
    if (held.length <= atRest) return '';
    if (Date.now() > deadline) return held.join(', ');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Returns the function that takes what was written since. */
function keepOutput(stream: NodeJS.WriteStream): () => string {
  let text = '';
  // Each command listens anew for a reader that stops reading.
  stream.setMaxListeners(0);
  stream.write = (chunk: string | Uint8Array, ...more: unknown[]) => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    const done = more.at(-1);
    if (typeof done === 'function') queueMicrotask(() => done());
    return true;
  };
  return () => {
    const all = text;
    text = '';
    return all;
  };
}
