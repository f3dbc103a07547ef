/** Which host an instance is on, for what no other may ask. */
import { fail } from '../../machines/failure.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import { attemptOf } from '../instance/stored-chart.ts';

/**
 * The instance as it is stored, since a view may be late. Rejects with `conflict` when it is not on the host, or not by
 * that attempt.
 */
export async function confirmHost(
  instances: Bucket<Instance>,
  uuid: string,
  host: string,
  attempt?: number,
): Promise<Instance> {
  const instance = (await instances.get(uuid))?.value;
  const isThere = instance !== undefined && instance.owner !== 'control' && instance.owner.host === host;
  if (isThere && (attempt === undefined || attempt === attemptOf(instance))) return instance;
  const which = attempt === undefined ? '' : `attempt ${attempt} of `;
  throw fail('conflict', `${which}instance ${uuid} is not on host ${host}`, { details: { uuid, host } });
}
