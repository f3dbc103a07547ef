/**
 * Keeps what the probe for KVM found. It holds for as long as nothing changes on which it depends: the kernel that runs,
 * the processor below it, the device, the emulator, and who asks.
 */
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

export type VirtType = 'kvm' | 'qemu';

const bootIdFile = '/proc/sys/kernel/random/boot_id';

/** One line of text, equal as long as a verdict holds; undefined where that cannot be told. */
export async function describeCircumstances(emulator: string, device: string): Promise<string | undefined> {
  try {
    const bootId = (await readFile(bootIdFile, 'utf8')).trim();
    const program = await findEmulator(emulator);
    // Its change time is that of its permissions, and that of its making when the module was loaded anew.
    const { ctimeMs, rdev, mode } = await stat(device);
    // A virtual machine may wake up on another processor without booting.
    const processor = cpus()[0]?.model;
    return [bootId, release(), processor, ...program, device, ctimeMs, rdev, mode, process.getuid?.()].join(' ');
  } catch {
    return undefined;
  }
}

/** undefined when nothing is kept, or only what was found under other circumstances. */
export async function readVerdict(file: string, circumstances: string): Promise<VirtType | undefined> {
  const [found, under] = (await readFile(file, 'utf8').catch(() => '')).split('\n');
  if (under !== circumstances) return undefined;
  return found === 'kvm' || found === 'qemu' ? found : undefined;
}

/** Never rejects: a verdict that cannot be kept is found again. */
export async function keepVerdict(file: string, circumstances: string, virtType: VirtType): Promise<void> {
  const draft = `${file}.${process.pid}`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(draft, `${virtType}\n${circumstances}\n`);
    await rename(draft, file);
  } catch {}
}

async function findEmulator(emulator: string): Promise<(string | number)[]> {
  const folders = emulator.includes('/') ? [''] : (process.env.PATH ?? '').split(delimiter);
  for (const folder of folders) {
    const path = join(folder, emulator);
    const program = await stat(path).catch(() => undefined);
    if (program) return [path, program.mtimeMs, program.size];
  }
  throw new Error(`there is no ${emulator}`);
}
