/** What a change of an aggregate may not do to the zones of its hosts. Nova's is_safe_to_update_az. */
import { fail } from '../../machines/failure.ts';
import type { Aggregate, Host, Instance } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import { membershipsOf } from '../records/host-aggregates.ts';
import { hostKey } from '../records/keys.ts';
import { hostsInUse } from '../scheduler/host-usage.ts';

export interface Fleet {
  aggregates: View<Aggregate>;
  hosts: View<Host>;
  instances: View<Instance>;
}

/**
 * Rejects with `conflict`, naming the field, when a host would be in two zones, or one that has instances would come into
 * another: they are where they asked to be. A launch that is being placed at this moment may still miss the change.
 */
export function refuseZoneChange(
  { aggregates, hosts, instances }: Fleet,
  before: Aggregate,
  after: Aggregate,
  field: string,
): void {
  const others = membershipsOf([...aggregates.values()].filter(({ id }) => id !== before.id));
  const moved: string[] = [];
  for (const host of new Set([...before.hosts, ...after.hosts])) {
    const elsewhere = others.get(host)?.zone;
    const [earlier, later] = [before, after].map((each) =>
      each.hosts.includes(host) ? each.availabilityZone : undefined,
    );
    if (elsewhere !== undefined && later !== undefined && elsewhere !== later) {
      throw fail('conflict', `host ${host} is in zone ${elsewhere} by another aggregate (field ${field})`, {
        details: { field, host, availabilityZone: elsewhere },
      });
    }
    const own = elsewhere ?? hosts.get(hostKey(host))?.availabilityZone;
    if ((elsewhere ?? earlier ?? own) !== (elsewhere ?? later ?? own)) moved.push(host);
  }
  if (moved.length === 0) return;
  const inUse = hostsInUse(instances.values());
  const host = moved.find((each) => inUse.has(each));
  if (host !== undefined) {
    throw fail('conflict', `host ${host} has instances: it cannot come into another zone (field ${field})`, {
      details: { field, host },
    });
  }
}
