/**
 * Makes a host what an operator wants: by a call to the process that runs it, or, when nobody does, by writing it into
 * the host's record, where the next process finds it.
 */
import { toFailure } from '../../machines/failure.ts';
import type { CallContext } from '../../transport/messages/call-context.ts';
import { computeCalls } from '../../transport/messages/internal.ts';
import type { Host, HostCommand } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { call } from '../../transport/nats/call.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { commandedRecord } from '../compute/host-chart.ts';
import { publishHostCommand } from '../compute/host-facts.ts';
import { hostKey } from '../records/keys.ts';
import { missing } from '../records/lookup.ts';
import { unansweredBy } from './host-loss.ts';

/** Resolves with the revision of the host's record that shows the command. The same once more is the same. */
export async function commandHost(
  { bus, hosts }: { bus: Bus; hosts: Bucket<Host> },
  name: string,
  command: HostCommand,
  context: CallContext,
): Promise<number> {
  const key = hostKey(name);
  for (;;) {
    const entry = await hosts.get(key);
    if (!entry) throw missing('host', name, '/host');
    const revision = await askHost(bus, name, command, context);
    if (revision !== undefined) return revision;
    // As it was before the host was asked: a process that has shown itself since then is asked once more.
    const record = commandedRecord(entry.value, command);
    const written = await hosts.update(key, record, entry.revision);
    if (written === conflict) continue;
    publishHostCommand(bus, record, command);
    return written;
  }
}

/** Nothing, when nobody runs the host. */
async function askHost(
  bus: Bus,
  name: string,
  command: HostCommand,
  context: CallContext,
): Promise<number | undefined> {
  const kind = computeCalls.commandHost;
  try {
    return (await call(bus, subjects.computeCall(name, kind.name), kind, { command }, context)).revision;
  } catch (thrown) {
    const failure = toFailure(thrown);
    if (failure.code === 'unavailable') return undefined;
    throw failure.code === 'timeout' ? unansweredBy(name, failure) : thrown;
  }
}
