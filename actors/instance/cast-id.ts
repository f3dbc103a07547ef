/** By what the work queue knows a cast about an instance: given twice in a short time, it is one. */
import type { Instance } from '../../transport/messages/records.ts';

/**
 * For so long (ms). What is still waited for later is cast anew: a nats-server that was killed may hold a message that it
 * takes for done and gives to nobody, and for which it would refuse another of the same name. To apply it twice does no harm.
 */
const sameForMs = 20_000;

export function castId(
  { uuid, updatedAt }: Pick<Instance, 'uuid' | 'updatedAt'>,
  { attempt, what, now }: { attempt: number; what: 'place' | 'run' | 'take-up' | 'delete'; now: number },
): string {
  return `${uuid}-${attempt}-${what}-${Math.max(0, Math.floor((now - updatedAt) / sameForMs))}`;
}
