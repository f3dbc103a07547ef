/**
 * Lets QEMU's user open /dev/kvm, as udev's rules do, on a machine that has no udev (a container, a small VM).
 *
 * It is for more than speed of guests. libvirt looks at what QEMU can do as root and remembers it, but before each use
 * asks whether QEMU's user may open /dev/kvm. Where the answers differ it remembers in vain, and starts emulators to look
 * again, a dozen times for each guest that it creates, also for guests that are not to run under KVM.
 */
import { stat } from 'node:fs/promises';
import { findRootPrefix, tryCommand } from './try-command.ts';

/** To which QEMU's user belongs, on every distribution. */
const group = 'kvm';
const permissionBits = 0o777;

export interface KvmDeviceOptions {
  report: (line: string) => void;
  /** `/dev/kvm` when absent. */
  device?: string;
}

/** Idempotent. Changes a device only that is as the kernel made it: another mode, or group, is somebody's decision. */
export async function openKvmDevice({ report, device = '/dev/kvm' }: KvmDeviceOptions): Promise<void> {
  if (!(await isAsTheKernelMadeIt(device))) return;
  const root = await findRootPrefix();
  if (root === undefined) return;
  for (const words of [
    ['chgrp', group, device],
    ['chmod', 'g+rw', device],
  ]) {
    const [first = '', ...rest] = [...root, ...words];
    // Without the group the device stays as it is, and libvirt is slow.
    if ((await tryCommand(first, rest)).code !== 0) return;
  }
  report(`${device} is open to the group ${group} now`);
}

async function isAsTheKernelMadeIt(device: string): Promise<boolean> {
  const made = await stat(device).catch(() => undefined);
  return made?.uid === 0 && made.gid === 0 && (made.mode & permissionBits) === 0o600;
}
