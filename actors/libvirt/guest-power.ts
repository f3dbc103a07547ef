/**
 * A guest's power, from outside: each function brings a domain into a state, whatever state it is in, and does nothing
 * when it is there. Keyed by the instance's uuid; rejects with a FailureError, `domain_lost` when there is no such
 * domain and `conflict` when its state does not allow it. An abort ends the waiting, not what was asked of libvirt.
 */
import { fail } from '../../machines/failure.ts';
import { brokenStart, isStarting } from './broken-starts.ts';
import { isNoDomain, isNotSupported, isOperationInvalid, isOperationTimeout } from './error-codes.ts';
import type { DomainLook, LibvirtClient } from './libvirt-client.ts';
import { isActive, isPaused, isRunning } from './power-state.ts';
import { lookUntil, settle } from './settle.ts';
import { Bell } from './waiting.ts';

/** Nova's shutdown_retry_interval: a guest that is still booting does not hear the first request. */
const shutdownRetryMs = 10_000;
/** Nova's wait_soft_reboot_seconds. */
const softRebootMs = 120_000;
const pollMs = 500;
/** How long a domain that cannot be undefined may take to run or to go. */
const undefineRetryMs = 10_000;

/** Unpauses what is paused, and resumes what was suspended. */
export function startGuest(client: LibvirtClient, uuid: string, signal: AbortSignal): Promise<void> {
  return settle(client, uuid, signal, async () => {
    const look = await present(client, uuid, signal);
    if (isRunning(look)) return;
    await unlessReached(client, uuid, isRunning, signal, () =>
      isActive(look) ? client.unpause(look.ref, signal) : client.start(look.ref, {}, signal),
    );
    // What was saved while paused comes back paused.
    const started = await present(client, uuid, signal);
    if (isPaused(started)) await client.unpause(started.ref, signal);
  });
}

/** Nova's _clean_shutdown: asks again and again for `graceMs`, then pulls the plug. */
export function stopGuest(client: LibvirtClient, uuid: string, graceMs: number, signal: AbortSignal): Promise<void> {
  const graceEndsAt = performance.now() + graceMs;
  return settle(client, uuid, signal, async () => {
    const look = await present(client, uuid, signal);
    if (!isActive(look)) return;
    // A paused guest cannot answer.
    let canAnswer = !isPaused(look);
    while (canAnswer && performance.now() < graceEndsAt) {
      canAnswer = await askToShutDown(client, look, signal);
      const withinMs = canAnswer ? Math.min(shutdownRetryMs, graceEndsAt - performance.now()) : 0;
      if (await lookUntil(client, uuid, isOff, { signal, withinMs })) return;
    }
    await pullPlug(client, look, signal);
  });
}

/** Off and on again, without what it was suspended with. Nova's _hard_reboot. */
export function hardRebootGuest(client: LibvirtClient, uuid: string, signal: AbortSignal): Promise<void> {
  // Survives a link that drops half way: the guest that runs then is the new one.
  let isUnplugged = false;
  return settle(client, uuid, signal, async () => {
    const look = await present(client, uuid, signal);
    if (isActive(look)) {
      if (isUnplugged && isRunning(look)) return;
      await pullPlug(client, look, signal);
    }
    isUnplugged = true;
    await unlessReached(client, uuid, isRunning, signal, () =>
      client.start(look.ref, { forceBoot: look.hasManagedSave }, signal),
    );
  });
}

/** Nova's reboot: asks the guest; one that does not restart in two minutes, or cannot, is rebooted hard. */
export async function softRebootGuest(client: LibvirtClient, uuid: string, signal: AbortSignal): Promise<void> {
  const hasRestarted = await settle(client, uuid, signal, async () => {
    const look = await present(client, uuid, signal);
    return isRunning(look) && (await askToReboot(client, look, signal));
  });
  if (!hasRestarted) await hardRebootGuest(client, uuid, signal);
}

export function pauseGuest(client: LibvirtClient, uuid: string, signal: AbortSignal): Promise<void> {
  return settle(client, uuid, signal, async () => {
    const look = await active(client, uuid, signal);
    if (isPaused(look)) return;
    await unlessReached(client, uuid, isPaused, signal, () => client.pause(look.ref, signal));
  });
}

export function unpauseGuest(client: LibvirtClient, uuid: string, signal: AbortSignal): Promise<void> {
  return settle(client, uuid, signal, async () => {
    const look = await active(client, uuid, signal);
    if (isRunning(look)) return;
    await unlessReached(client, uuid, isRunning, signal, () => client.unpause(look.ref, signal));
  });
}

/** To disk: libvirt's managed save. */
export function suspendGuest(client: LibvirtClient, uuid: string, signal: AbortSignal): Promise<void> {
  return settle(client, uuid, signal, async () => {
    const look = await present(client, uuid, signal);
    if (isSaved(look)) return;
    if (!isActive(look)) throw notRunning(uuid);
    await unlessReached(client, uuid, isSaved, signal, () => client.managedSave(look.ref, signal));
  });
}

/** Destroys the domain and forgets it, with all that libvirt keeps of it. Nothing to do where there is none. */
export function removeGuest(client: LibvirtClient, uuid: string, signal: AbortSignal): Promise<void> {
  return settle(client, uuid, signal, async () => {
    // Until there is none: a start that was given up may still be at work in the daemon, and come to its end only now.
    for (;;) {
      const look = await client.look(uuid, signal);
      if (look === undefined) return;
      if (isActive(look)) await pullPlug(client, look, signal);
      try {
        await client.undefine(look.ref, signal);
      } catch (error) {
        if (isNoDomain(error)) continue;
        // It is not persistent: defined no more, or never, while it was starting. It goes with its process.
        if (!isOperationInvalid(error)) throw error;
        const withinMs = undefineRetryMs;
        if (!(await lookUntil(client, uuid, (now) => now === undefined || isActive(now), { signal, withinMs })))
          throw error;
      }
    }
  });
}

function isOff(look: DomainLook | undefined): boolean {
  return look === undefined || !isActive(look);
}

function isSaved(look: DomainLook): boolean {
  return look.hasManagedSave;
}

async function present(client: LibvirtClient, uuid: string, signal: AbortSignal): Promise<DomainLook> {
  const look = await client.look(uuid, signal);
  if (look === undefined) throw fail('domain_lost', `instance ${uuid} has no domain on this host`);
  return look;
}

async function active(client: LibvirtClient, uuid: string, signal: AbortSignal): Promise<DomainLook> {
  const look = await present(client, uuid, signal);
  if (!isActive(look)) throw notRunning(uuid);
  return look;
}

function notRunning(uuid: string) {
  return fail('conflict', `instance ${uuid} does not run`);
}

/** libvirt refuses what is done already; somebody else may have done it between our look and our call. */
async function unlessReached(
  client: LibvirtClient,
  uuid: string,
  isReached: (look: DomainLook) => boolean,
  signal: AbortSignal,
  act: () => Promise<void>,
): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!isOperationInvalid(error)) throw error;
    const look = await present(client, uuid, signal);
    if (!isReached(look)) throw error;
  }
}

/** `false` when the guest has no way of being asked. */
async function askToShutDown(client: LibvirtClient, look: DomainLook, signal: AbortSignal): Promise<boolean> {
  try {
    await client.shutdown(look.ref, signal);
    return true;
  } catch (error) {
    if (isNotSupported(error)) return false;
    // It is off already, or about to be.
    if (isOperationInvalid(error) || isNoDomain(error)) return true;
    throw error;
  }
}

async function pullPlug(client: LibvirtClient, look: DomainLook, signal: AbortSignal): Promise<void> {
  try {
    await client.destroy(look.ref, signal);
  } catch (error) {
    if (isOperationTimeout(error) && isStarting(look)) throw brokenStart(look.ref.uuid);
    if (!isOperationInvalid(error) && !isNoDomain(error)) throw error;
  }
}

/** `true` once libvirt reports that the guest restarted; `false` when it went off instead, or stayed as it was. */
async function askToReboot(client: LibvirtClient, look: DomainLook, signal: AbortSignal): Promise<boolean> {
  const { uuid } = look.ref;
  const rebooted = new Bell();
  const unsubscribe = client.onEvent((event) => {
    if (event.type === 'rebooted' && event.uuid === uuid) rebooted.ring();
  });
  const endsAt = performance.now() + softRebootMs;
  try {
    await client.reboot(look.ref, signal);
    // The test driver restarts at once and never says so.
    if (client.driver === 'test') return true;
    while (performance.now() < endsAt) {
      if (await rebooted.wait(pollMs, signal)) return true;
      const now = await client.look(uuid, signal);
      if (now === undefined || isOff(now)) return false;
    }
    return false;
  } catch (error) {
    if (isNotSupported(error) || isOperationInvalid(error)) return false;
    throw error;
  } finally {
    unsubscribe();
  }
}
