/**
 * Passes a client's command on to whoever owns the instance: to its host by a cast, or, while the instance is being
 * placed, to the chart right here. A host that is down hears nothing: what is on it can only be deleted, which the control
 * plane then does; other commands are refused, instead of being kept for when the host returns.
 *
 * What a host does not confirm is answered as such: it may have heard, or hear yet. A deletion is then written down, and
 * asked for until it is done; any other command is the client's to ask for again, and is taken only as long as the instance
 * stands as it did when it was asked.
 */
import { type Failure, FailureError, fail, toFailure } from '../../machines/failure.ts';
import type { InstanceEvent } from '../../machines/instance.ts';
import type { Chance } from '../../transport/clock.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import type { CallContext, Caller } from '../../transport/messages/call-context.ts';
import { computeCasts, type InstanceCommand } from '../../transport/messages/internal.ts';
import type { Host, Instance } from '../../transport/messages/records.ts';
import type { Bucket, Entry } from '../../transport/nats/bucket.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { cast, castForReceipt } from '../../transport/nats/cast.ts';
import type { Outcome } from '../../transport/nats/relay.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { castId } from '../instance/cast-id.ts';
import { commandKey, InstanceOwner, type OwnerWorld } from '../instance/owner.ts';
import { attemptOf, refuseUnknown } from '../instance/stored-chart.ts';
import { viewInstance } from '../records/instance-view.ts';
import { editInstance } from './edit-instance.ts';
import { lossOf, unansweredBy } from './host-loss.ts';
import { refuseLocked } from './instance-lock.ts';
import { type OwningWorld, ownInstances } from './owning.ts';
import { storedInstance } from './stored-instance.ts';
import type { ControllerWorld, WriteRequest } from './writes.ts';

interface CommandWorld {
  readonly bus: Bus;
  readonly instanceBucket: Bucket<Instance>;
  readonly hosts: Bucket<Host>;
  readonly owners: OwnerWorld;
  readonly chance: Chance;
}

/** How long a host may take to say that it has stored the command. */
const receiptMs = 5_000;

/** How often the owner may change under our hands, or another command be faster, before we give up. */
const maxTurns = 8;

/** Passes a command on, and answers with the instance as it is then. */
export type CommandInstance = (
  uuid: string,
  command: InstanceCommand,
  request: WriteRequest,
) => Promise<Outcome<{ instance: InstanceView }>>;

/** What a client asks of an instance, and the id by which its owner knows whether that was taken. */
interface Asked {
  id: string;
  command: InstanceCommand;
}

export async function openInstanceCommands(world: ControllerWorld): Promise<CommandInstance> {
  const { store } = world;
  const [commands, instances, liveness] = await Promise.all([
    openCommandWorld(world),
    store.view('instance'),
    store.liveness(),
  ]);
  return async (uuid, command, { caller, context }) => {
    const revision = await commandInstance(commands, uuid, { id: commands.chance.uuid(), command }, caller, context);
    await instances.reached(revision);
    const entry = instances.entry(uuid) ?? (await storedInstance(commands.instanceBucket, uuid, caller));
    return {
      reply: { instance: viewInstance(entry.value, liveness) },
      written: [{ bucket: 'instance', revision: entry.revision }],
    };
  };
}

/**
 * Passes a deletion on that was accepted before, without waiting for what its host makes of it. However often: it is one.
 * Rejects with `conflict` when it is not possible, or the record out of date.
 */
export type PassDeletion = (entry: Entry<Instance>) => Promise<unknown>;

export async function openPassingDeletions(world: OwningWorld): Promise<PassDeletion> {
  const commands = await openCommandWorld(world);
  return (entry) => {
    // An instance is deleted once: its deletion goes by its own name.
    const asked: Asked = { id: entry.key, command: { type: 'instance.delete', at: world.clock.now() } };
    return pass(commands, entry, asked, newContext(), castDeletion);
  };
}

async function openCommandWorld(world: OwningWorld): Promise<CommandWorld> {
  const { bus, store, chance } = world;
  const [instanceBucket, hosts, owners] = await Promise.all([
    store.bucket('instance'),
    store.bucket('host'),
    ownInstances(world),
  ]);
  return { bus, instanceBucket, hosts, owners, chance };
}

/** The revision at which the record shows the command. */
async function commandInstance(
  world: CommandWorld,
  uuid: string,
  asked: Asked,
  caller: Caller,
  context: CallContext,
): Promise<number> {
  // As it is stored: a lock holds for every command that comes after it was answered.
  let entry = await storedInstance(world.instanceBucket, uuid, caller);
  for (let turn = 0; turn < maxTurns; turn++) {
    refuseLocked(entry.value, caller);
    try {
      return await pass(world, entry, asked, context, commandHost);
    } catch (error) {
      const latest = await world.instanceBucket.get(uuid);
      // Whoever has taken it could not say so.
      if (latest?.value.lastCommand === asked.id) return latest.revision;
      if (toFailure(error).code !== 'conflict' || !latest || latest.revision === entry.revision) throw error;
      entry = latest;
    }
  }
  throw fail('conflict', `instance ${uuid} is told too much at once`, { disposition: 'retry' });
}

/** Resolves with the revision at which the record shows what is known of the command. */
type TellHost = (
  world: CommandWorld,
  host: string,
  entry: Entry<Instance>,
  asked: Asked,
  context: CallContext,
) => Promise<number>;

async function pass(
  world: CommandWorld,
  entry: Entry<Instance>,
  asked: Asked,
  context: CallContext,
  tellHost: TellHost,
): Promise<number> {
  const { value, revision } = entry;
  const { id, command } = asked;
  refuseUnknown(value);
  const now = world.owners.clock.now();
  const key = commandKey(id, entry.value);
  const event = { ...command, at: now };
  const owner = new InstanceOwner(world.owners, value, revision);
  const take = (...following: InstanceEvent[]) => owner.command(event, key, context, ...following);
  if (value.owner === 'control') return take();
  const failure = await lossOf(world.hosts, value.owner.host);
  if (!failure) return tellHost(world, value.owner.host, entry, asked, context);
  if (command.type === 'instance.delete') return take({ type: 'host.lost', failure, at: now });
  // What is not possible there would be so on no host: it is refused for that, and need not be asked again.
  if (!owner.accepts(event)) return take();
  throw fail('unavailable', failure.message, { cause: failure, details: { host: value.owner.host } });
}

const commandHost: TellHost = async ({ bus, chance, instanceBucket, owners }, host, entry, asked, context) => {
  const kind = computeCasts.commandInstance;
  const receipt = await castForReceipt(
    bus,
    subjects.computeCast(host, kind.name),
    kind,
    passed(entry, asked),
    // The same command once more, of a record that has moved on, is another message.
    { id: `${asked.id}-${entry.revision}`, context, waitMs: receiptMs },
  );
  if (receipt?.failure) throw new FailureError(receipt.failure as Failure);
  if (receipt?.revision !== undefined) return receipt.revision;
  if (asked.command.type !== 'instance.delete') throw unansweredBy(host);
  // Should the host be dead, or not have the instance any more, whoever has it by then finds the wish.
  const edited = await editInstance({ bucket: instanceBucket, clock: owners.clock, chance }, entry, askDeletion);
  return edited.revision;
};

const castDeletion: TellHost = async ({ bus, owners }, host, entry, asked, context) => {
  const kind = computeCasts.commandInstance;
  const { value, revision } = entry;
  const id = castId(value, { attempt: attemptOf(value), what: 'delete', now: owners.clock.now() });
  await cast(bus, subjects.computeCast(host, kind.name), kind, passed(entry, asked), { id, context });
  return revision;
};

/** A command as its host is told of it. */
function passed(entry: Entry<Instance>, { id, command }: Asked) {
  return { uuid: entry.key, command, ...commandKey(id, entry.value) };
}

function askDeletion(record: Instance): Instance {
  return record.vmState === 'deleted' || record.isDeletionAsked ? record : { ...record, isDeletionAsked: true };
}
