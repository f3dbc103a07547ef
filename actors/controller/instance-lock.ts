/** Nova's check_instance_lock: a locked instance takes commands from administrators only. */
import { fail } from '../../machines/failure.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Caller } from '../../transport/nats/call-context.ts';
import { isAdmin } from '../identity/authenticator.ts';

/** Rejects with `conflict` when the caller's command is locked out. */
export function refuseLocked({ uuid, lock }: Instance, caller: Caller): void {
  if (!lock || isAdmin(caller)) return;
  const why = lock.reason ? `: ${lock.reason}` : '';
  throw fail('conflict', `instance ${uuid} is locked by its ${lock.by}${why}`, { details: { lock: lock.by } });
}
