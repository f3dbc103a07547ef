/** Which host an instance is on, for what no other may ask. */
import { fail } from '../../machines/failure.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import { attemptOf } from '../instance/stored-chart.ts';

/**
 * Rejects with `conflict` when the instance is not on the host, or not by that attempt. As it is stored: a view may be
 * late.
 */
export async function confirmHost(
  instances: Bucket<Instance>,
  uuid: string,
  host: string,
  attempt?: number,
): Promise<void> {
  const instance = (await instances.get(uuid))?.value;
  const isThere = instance !== undefined && instance.owner !== 'control' && instance.owner.host === host;
  if (isThere && (attempt === undefined || attempt === attemptOf(instance))) return;
  const which = attempt === undefined ? '' : `attempt ${attempt} of `;
  throw fail('conflict', `${which}instance ${uuid} is not on host ${host}`, { details: { uuid, host } });
}
