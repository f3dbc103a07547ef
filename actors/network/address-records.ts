/**
 * What is recorded of addresses at a time, to be looked through: ports and leases first, and the instances' records, whose
 * changes nobody here follows because that would cost every launch something, after them.
 */
import type { Clock } from '../../transport/clock.ts';
import type { AddressLease, Instance, Port } from '../../transport/messages/records.ts';
import type { Entry } from '../../transport/nats/bucket.ts';
import { openView, type View } from '../../transport/nats/view.ts';
import type { ReleaseBooks } from './release.ts';

export interface AddressRecords {
  readonly ports: ReadonlyMap<string, Entry<Port>>;
  readonly leases: ReadonlyMap<string, Entry<AddressLease>>;
  readonly instances: View<Instance>;
}

export async function readAddressRecords({
  addresses,
  ports,
  instances: bucket,
  clock,
}: ReleaseBooks & { readonly clock: Clock }): Promise<AddressRecords> {
  await Promise.all([addresses.caughtUp(), ports.view.caughtUp()]);
  const [presentPorts, leases] = [byKey(ports.view.entries()), byKey(addresses.all())];
  const instances = await openView(bucket, clock);
  instances.close();
  return { ports: presentPorts, leases, instances };
}

function byKey<T>(entries: Iterable<Entry<T>>): Map<string, Entry<T>> {
  return new Map([...entries].map((entry) => [entry.key, entry]));
}
