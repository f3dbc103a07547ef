/** Bringing a new domain to life: the two steps of a spawn that are libvirt's own. */
import { fail } from '../../machines/failure.ts';
import { brokenStart, isStarting } from './broken-starts.ts';
import { isOperationInvalid } from './error-codes.ts';
import type { LibvirtClient } from './libvirt-client.ts';
import { isActive } from './power-state.ts';
import { lookUntil, settle } from './settle.ts';

/** Longer than a daemon that lives takes to start an emulator that it has begun to start. */
const longestStartMs = 30_000;

/**
 * Defines the domain and starts it; nothing to do when it runs. `xml` is asked for only when it is needed, and replaces
 * a definition that an earlier attempt left, which may have had other ports.
 */
export function createGuest(
  client: LibvirtClient,
  uuid: string,
  xml: () => string,
  signal: AbortSignal,
): Promise<void> {
  return settle(client, uuid, signal, async () => {
    const look = await client.look(uuid, signal);
    if (look !== undefined && isActive(look)) return;
    const domain = await client.define(xml(), signal);
    try {
      await client.start(domain, {}, signal);
    } catch (error) {
      // An attempt that was given up may still have been at work in the daemon.
      const now = isOperationInvalid(error) ? await client.look(uuid, signal) : undefined;
      if (now === undefined || !isActive(now)) throw error;
    }
  });
}

/** Defines the domain, in place of the definition that there may be, and does not start it. */
export function defineGuest(client: LibvirtClient, uuid: string, xml: string, signal: AbortSignal): Promise<void> {
  return settle(client, uuid, signal, async () => {
    await client.define(xml, signal);
  });
}

/**
 * Nova's _wait_for_boot. Rejects with `domain_lost` when the domain is gone, and, unlike Nova, also when the guest has
 * stopped, by itself or by a crash: nothing would start it again, and the wait would last until its timeout.
 */
export function waitForGuest(client: LibvirtClient, uuid: string, signal: AbortSignal): Promise<void> {
  return settle(client, uuid, signal, async () => {
    const startEndsAt = performance.now() + longestStartMs;
    await lookUntil(
      client,
      uuid,
      (look) => {
        if (look && isStarting(look) && performance.now() > startEndsAt) throw brokenStart(uuid);
        const powerState = look?.powerState ?? 'absent';
        // A guest may be paused while libvirt starts it.
        if (powerState === 'paused' || powerState === 'nostate') return false;
        if (powerState === 'running') return true;
        throw fail('domain_lost', `the domain of instance ${uuid} is ${powerState} before it ran`, {
          disposition: 'reschedule',
          details: { powerState },
        });
      },
      { signal },
    );
  });
}
