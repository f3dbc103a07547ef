/**
 * How a step that changes a domain meets a link that drops under it: what became of its call is unknown, so the step is
 * begun again once the link is back. It looks first, and finds its work done, half done, or not begun.
 */
import { isLinkLost } from '../../transport/libvirt/rpc-errors.ts';
import { toLibvirtFailure } from './error-codes.ts';
import type { DomainLook, LibvirtClient } from './libvirt-client.ts';
import { Bell, rejectOnAbort } from './waiting.ts';

/** Nova's interval of _wait_for_boot. Only for what libvirt forgets to tell. */
const pollMs = 500;
/** How long to wait before looking again whether the daemon has taken a domain up. */
const takenUpMs = 50;

/** Rejects with a FailureError, at once when `signal` aborts. `step` must look before it acts. */
export async function settle<T>(
  client: LibvirtClient,
  uuid: string,
  signal: AbortSignal,
  step: () => Promise<T>,
): Promise<T> {
  for (let isAgain = false; ; isAgain = true) {
    try {
      signal.throwIfAborted();
      if (isAgain) await untilTakenUp(client, uuid, signal);
      return await rejectOnAbort(step(), signal);
    } catch (error) {
      if (!isLinkLost(error)) throw toLibvirtFailure(error);
    }
    await client.whenConnected(signal);
  }
}

/**
 * A daemon that comes back shows as running also what it was starting when it died, until it has found out that it cannot
 * go on with it, and ends it: what one sees before that is not to be gone by.
 */
async function untilTakenUp(client: LibvirtClient, uuid: string, signal: AbortSignal): Promise<void> {
  const bell = new Bell();
  while (await client.isAtWorkOn(uuid, signal)) await bell.wait(takenUpMs, signal);
}

/**
 * Looks at a domain, again at each of its events, until `isDone` says so: then `true`. `false` when `withinMs` is over.
 */
export async function lookUntil(
  client: LibvirtClient,
  uuid: string,
  isDone: (look: DomainLook | undefined) => boolean,
  { signal, withinMs = Number.POSITIVE_INFINITY }: { signal: AbortSignal; withinMs?: number },
): Promise<boolean> {
  const endsAt = performance.now() + withinMs;
  const bell = new Bell();
  const unsubscribe = client.onEvent((event) => {
    if (event.type === 'lifecycle' && event.uuid === uuid) bell.ring();
  });
  try {
    for (;;) {
      if (isDone(await client.look(uuid, signal))) return true;
      const leftMs = endsAt - performance.now();
      if (leftMs <= 0) return false;
      await bell.wait(Math.min(pollMs, leftMs), signal);
    }
  } finally {
    unsubscribe();
  }
}
