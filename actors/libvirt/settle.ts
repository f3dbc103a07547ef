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

/** Rejects with a FailureError, at once when `signal` aborts. `step` must look before it acts. */
export async function settle<T>(client: LibvirtClient, signal: AbortSignal, step: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      signal.throwIfAborted();
      return await rejectOnAbort(step(), signal);
    } catch (error) {
      if (!isLinkLost(error)) throw toLibvirtFailure(error);
    }
    await client.whenConnected(signal);
  }
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
