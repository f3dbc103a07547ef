/**
 * Decides whether guests run under KVM or are emulated. That /dev/kvm is there, and even that it makes virtual machines,
 * does not mean that guests run: under some nested set-ups they hang at their first instructions. So a guest is booted:
 * a disk of one sector that tells QEMU to exit.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Accelerator = 'kvm' | 'tcg';

const sectorBytes = 512;
/** The I/O port of QEMU's isa-debug-exit. */
const exitPort = 0xf4;
const exitValue = 0x2a;
/** As isa-debug-exit forms it. Unlike anything QEMU exits with by itself. */
const exitCode = exitValue * 2 + 1;

/** `kvm` when a guest boots under it in `timeoutMs`; its firmware alone needs some 100 ms. */
export async function detectVirtType(timeoutMs = 3_000): Promise<'kvm' | 'qemu'> {
  return (await canBoot('kvm', timeoutMs)) ? 'kvm' : 'qemu';
}

/** Never rejects: whatever keeps the guest from booting, it does not boot. */
export async function canBoot(
  accelerator: Accelerator,
  timeoutMs: number,
  emulator = 'qemu-system-x86_64',
): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'virt-type-'));
  try {
    const disk = join(folder, 'boot-sector');
    await writeFile(disk, bootSector());
    return (await run(emulator, probeArguments(accelerator, disk), timeoutMs)) === exitCode;
  } catch {
    return false;
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
