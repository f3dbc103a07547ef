/**
 * Picks modules out of an unpacked Debian kernel, each after those it depends on. Reads the dependencies from the
 * modules themselves, so that neither depmod nor the kernel's installation is needed.
 */

import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fail } from '../../machines/failure.ts';

export interface KernelModule {
  /** The file's name, for example `virtio_net.ko`. */
  name: string;
  content: Buffer;
}

/** `folder` is `lib/modules/<version>`. What is built into the kernel is left out; what is unknown is an error. */
export async function collectModules(folder: string, wanted: readonly string[]): Promise<KernelModule[]> {
  const builtIn = new Set((await readFile(join(folder, 'modules.builtin'), 'utf8')).split('\n').map(nameOf));
  const paths = new Map<string, string>();
  for (const path of await readdir(join(folder, 'kernel'), { recursive: true })) {
    if (path.endsWith('.ko')) paths.set(nameOf(path), join(folder, 'kernel', path));
  }
  const collected = new Map<string, KernelModule>();
  const collect = async (module: string): Promise<void> => {
    const name = nameOf(module);
    if (collected.has(name) || builtIn.has(name)) return;
    const path = paths.get(name);
    if (path === undefined) throw fail('image_unavailable', `the kernel in ${folder} has no module ${module}`);
    const content = await readFile(path);
    for (const dependency of dependenciesOf(content)) await collect(dependency);
    collected.set(name, { name: basename(path), content });
  };
  for (const module of wanted) await collect(module);
  return [...collected.values()];
}

/** Modules say `depends=a,b` in their .modinfo section, ended by a zero byte. */
export function dependenciesOf(module: Buffer): string[] {
  const text = module.toString('latin1');
  const match = /\0depends=([^\0]*)\0/.exec(text);
  return match?.[1] ? match[1].split(',') : [];
}

/** Files are named with dashes or underscores; dependencies always with underscores. */
function nameOf(path: string): string {
  return basename(path, '.ko').replaceAll('-', '_');
}
