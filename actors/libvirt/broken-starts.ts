/**
 * Starts that a daemon did not live to see through. It writes down that it starts a domain before it knows the process of
 * the emulator; the next daemon takes such a domain for active, but looks for nothing behind it and never ends the start:
 * it can neither be started, destroyed nor undefined, and a restart changes nothing (libvirt 9.0,
 * qemuProcessReconnectHelper). An emulator waits for its daemon's leave before it begins, so there is none.
 *
 * A daemon reads its state when it starts. What it has written down of such a domain is therefore removed as soon as it
 * is gone. One that still lives, and only cannot be reached, writes it down again with the process.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FailureError, fail } from '../../machines/failure.ts';
import { pausedReasons } from '../../transport/libvirt/constants.ts';
import { isPaused, type RawState } from './power-state.ts';

const withoutProcess = /<domstatus\b[^>]*\spid='0'/;

/**
 * Removes what the daemon behind the socket has written down of starts without a process; returns the names of the
 * domains. Nothing where the files are another user's. Rejects when one cannot be removed.
 */
export async function forgetBrokenStarts(socketPath: string): Promise<string[]> {
  const folder = join(dirname(socketPath), 'qemu');
  const files = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith('.xml'));
  const broken: string[] = [];
  for (const file of files) {
    const path = join(folder, file);
    if (!withoutProcess.test(await readFile(path, 'utf8').catch(() => ''))) continue;
    await rm(path, { force: true });
    broken.push(file.slice(0, -'.xml'.length));
  }
  return broken;
}

/** As a domain shows while it is being started, and as one whose start broke shows for ever. */
export function isStarting(look: RawState): boolean {
  return isPaused(look) && look.reason === pausedReasons.startingUp;
}

/** For when it has been starting for longer than any start takes. */
export function brokenStart(uuid: string): FailureError {
  return fail(
    'hypervisor_error',
    `libvirt died as it started instance ${uuid}, and keeps its domain as starting: restart libvirt on this host`,
    { disposition: 'reschedule' },
  );
}
