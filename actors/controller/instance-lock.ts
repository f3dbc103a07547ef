/** What a lock on an instance means, and to whom. Nova's API.lock, API.unlock and check_instance_lock. */
import { fail } from '../../machines/failure.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { isAdmin } from '../identity/authenticator.ts';

/** The instance with a lock of the caller's; an administrator's, where it stands already, outweighs its owner's. */
export function locked(instance: Instance, { projectId }: Caller, reason: string | undefined): Instance {
  const by = instance.projectId === projectId ? 'owner' : 'admin';
  if (by === 'owner' && instance.lock?.by === 'admin') return instance;
  return { ...instance, lock: { by, ...(reason !== undefined && { reason }) } };
}

/** The instance without its lock. Throws `forbidden`. */
export function unlocked(instance: Instance, caller: Caller): Instance {
  const { lock, ...unlocked } = instance;
  if (!lock) return instance;
  if (lock.by === 'admin' && !isAdmin(caller)) {
    throw fail('forbidden', `instance ${instance.uuid} is locked by an administrator: only one can unlock it`);
  }
  return unlocked;
}

/** Throws `conflict` when the caller's command is locked out. */
export function refuseLocked({ uuid, lock }: Instance, caller: Caller): void {
  if (!lock || isAdmin(caller)) return;
  const who = lock.by === 'owner' ? 'its owner' : 'an administrator';
  const why = lock.reason ? `: ${lock.reason}` : '';
  throw fail('conflict', `instance ${uuid} is locked by ${who}${why}`, { details: { lock: lock.by } });
}
