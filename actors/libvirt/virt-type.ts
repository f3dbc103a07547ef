/**
 * Decides whether guests run under KVM or are emulated. That /dev/kvm is there, and even that it makes virtual machines,
 * does not mean that guests run: under some nested set-ups QEMU cannot give them the host's processor, or they hang, or
 * they creep at a fraction of an emulated guest's speed. So a guest is booted, a disk of one sector that tells QEMU to
 * exit, and it has to be about as fast as an emulated one.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeCircumstances, keepVerdict, readVerdict, type VirtType } from './virt-type-file.ts';

export type Accelerator = 'kvm' | 'tcg';

const kvmDevice = '/dev/kvm';
const defaultEmulator = 'qemu-system-x86_64';
const sectorBytes = 512;
/** The I/O port of QEMU's isa-debug-exit. */
const exitPort = 0xf4;
const exitValue = 0x2a;
/** As isa-debug-exit forms it. Unlike anything QEMU exits with by itself. */
const exitCode = exitValue * 2 + 1;

/** How much slower than an emulated guest one under KVM may boot. Both need some 100 ms, mostly QEMU's own. */
const slowestFactor = 4;
const slowestAddendMs = 500;

export interface VirtTypeOptions {
  /** How long a guest may take to boot. */
  timeoutMs?: number;
  /** Keeps the verdict for later calls; see virt-type-file.ts. */
  cacheFile?: string;
  emulator?: string;
}

/** `kvm` when a guest boots under it in time, and not much slower than without. */
export async function detectVirtType(options: VirtTypeOptions = {}): Promise<VirtType> {
  const { timeoutMs = 3_000, cacheFile, emulator = defaultEmulator } = options;
  const circumstances = cacheFile && (await describeCircumstances(emulator, kvmDevice));
  const kept = circumstances && (await readVerdict(cacheFile, circumstances));
  if (kept) return kept;
  const [kvmMs, tcgMs] = await Promise.all([
    bootTime('kvm', timeoutMs, emulator),
    bootTime('tcg', timeoutMs, emulator),
  ]);
  const isFast = kvmMs !== undefined && kvmMs <= slowestFactor * (tcgMs ?? timeoutMs) + slowestAddendMs;
  const virtType = isFast ? 'kvm' : 'qemu';
  // On a machine too busy to boot anything in time, a guest that did not boot proves nothing that is worth keeping.
  if (circumstances && tcgMs !== undefined) await keepVerdict(cacheFile, circumstances, virtType);
  return virtType;
}

/** In milliseconds. Never rejects: whatever keeps the guest from booting in time, the time is undefined. */
export async function bootTime(
  accelerator: Accelerator,
  timeoutMs: number,
  emulator = defaultEmulator,
): Promise<number | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'virt-type-'));
  try {
    const disk = join(folder, 'boot-sector');
    await writeFile(disk, bootSector());
    const startedAt = performance.now();
    const code = await run(emulator, probeArguments(accelerator, disk), timeoutMs);
    return code === exitCode ? performance.now() - startedAt : undefined;
  } catch {
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** 16-bit code that the firmware loads and jumps to. */
function bootSector(): Buffer {
  const sector = Buffer.alloc(sectorBytes);
  const code = [
    ...[0xb0, exitValue], // mov al, exitValue
    ...[0xe6, exitPort], // out exitPort, al
    0xf4, // hlt
    ...[0xeb, 0xfd], // jmp to the hlt
  ];
  sector.set(code);
  sector.writeUInt16LE(0xaa55, sectorBytes - 2);
  return sector;
}

function probeArguments(accelerator: Accelerator, disk: string): string[] {
  return [
    ...['-accel', accelerator, '-machine', 'pc', '-m', '16'],
    // The default processor lacks what guests are given, and on which KVM may fail.
    ...(accelerator === 'kvm' ? ['-cpu', 'host'] : []),
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-device', `isa-debug-exit,iobase=${exitPort},iosize=1`],
    // A comma in a path would end the option.
    ...['-drive', `if=ide,format=raw,file=${disk.replaceAll(',', ',,')}`],
  ];
}

/** The exit code, or `null` when it was ended by a signal. Rejects when it cannot be started. */
function run(command: string, args: string[], timeoutMs: number): Promise<number | null> {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  const child = spawn(command, args, { stdio: 'ignore', timeout: timeoutMs, killSignal: 'SIGKILL' });
  child.on('error', reject);
  child.on('exit', resolve);
  return promise;
}
