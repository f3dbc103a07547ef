/** Forgets a host that never comes back: its record, and what was cast to it. One that does come back is a new host. */
import { fail } from '../../machines/failure.ts';
import type { Host } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import type { Written } from '../../transport/nats/relay.ts';
import { consumers, subjects } from '../../transport/nats/subjects.ts';
import { publishHostRemoval } from '../compute/host-facts.ts';
import { hostKey } from '../records/keys.ts';
import { missing } from '../records/lookup.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** Rejects with `conflict` while the host runs, holds an instance, or is in an aggregate. */
export async function removeHost({ bus, store, clock }: Runtime, name: string): Promise<Written> {
  const key = hostKey(name);
  const bucket = await store.bucket('host');
  for (;;) {
    const entry = await bucket.get(key);
    if (!entry) throw missing('host', name, '/host');
    refuseRunning(entry.value);
    await refuseUsed(store, name);
    const { revision } = entry;
    // A process that has begun to run it meanwhile has written.
    if ((await bucket.remove(key, revision)) === conflict) continue;
    publishHostRemoval(bus, entry.value, clock.now());
    await bus.forgetCasts({ durable: consumers.compute(name), subject: subjects.computeCasts(name) });
    return { bucket: 'host', revision, removed: key };
  }
}

function refuseRunning({ name, down, hypervisorState }: Host): void {
  if (down || hypervisorState === 'stopped') return;
  throw refusal(name, 'runs: it must be stopped, or down');
}

async function refuseUsed(store: Runtime['store'], name: string): Promise<void> {
  const [instances, aggregates] = await Promise.all([store.view('instance'), store.view('aggregate')]);
  await Promise.all([instances.caughtUp(), aggregates.caughtUp()]);
  // Also those that were launched and have failed: their record names the host that is to be asked.
  const held = [...instances.values()].filter(
    ({ owner, chart }) => owner !== 'control' && owner.host === name && chart.status === 'active',
  );
  if (held.length > 0) throw refusal(name, `has ${held.length} instances: evacuate or delete them first`);
  const groups = [...aggregates.values()].filter(({ hosts }) => hosts.includes(name)).map((each) => each.name);
  if (groups.length > 0) throw refusal(name, `is in aggregate ${groups.join(', ')}: take it out first`);
}

function refusal(name: string, why: string) {
  return fail('conflict', `host ${name} ${why} (field /host)`, { details: { field: '/host' } });
}
