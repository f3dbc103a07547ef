/**
 * A link of the bare chain in a process of its own: `bare-part.ts <role|all> <url> <shape>`. It sends what the part of
 * the same name sends in a launch, in the same order and size, with plain NATS clients: nothing is parsed, checked or
 * decided. A message begins with the launch's id and the revision of its record; the rest is padding.
 */
import { AckPolicy } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { headers, type Msg } from 'nats';
import type { Bus } from '../../transport/nats/bus.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { type BareMessage, bareBuckets, bareStreams, isRunning, padded, readBare } from './bare-wire.ts';
import type { BareStore, LaunchShape } from './launch-shape.ts';

const [asked = '', url = '', json = ''] = process.argv.slice(2);
const shape: LaunchShape = JSON.parse(json);
const bus: Bus = await connectBus({ url, name: `bare ${asked}` });
const kvs = new Map<string, Promise<KV>>();
const watched = new Set<string>();
const timeout = 20_000;
const maxInHand = 256;

const roles: Record<string, () => Promise<void>> = {
  async api() {
    await Promise.all([watch('instance'), watch('address'), watch('port')]);
    answer('bare.api', async ({ id }) => {
      await bus.nats.connection.request('bare.controller', padded(shape.calls.controller.request, id), {
        headers: context(),
        timeout,
      });
      return padded(shape.calls.api.reply, id);
    });
  },

  async controller() {
    await Promise.all([watch('instance'), watch('port')]);
    const [admissions, instances] = await Promise.all([bucket('admission'), bucket('instance')]);
    const admit = together(() => admissions.put('bare', padded(shape.records.admission, 'bare')));
    answer('bare.controller', async ({ id }) => {
      await admit();
      const revision = await instances.create(id, padded(shape.records.created, id));
      tell(id, shape.facts.controller);
      void cast('scheduler', id, revision);
      return padded(shape.calls.controller.reply, id, revision);
    });
    const { beforeNetwork, afterNetwork } = shape.stores;
    for (const [index, store] of [...beforeNetwork, ...afterNetwork].entries()) {
      answer(`bare.store.${index}`, async ({ id, revision }) => {
        const stored = await instances.update(id, padded(store.record, id), revision);
        tell(id, store.facts, store === afterNetwork.at(-1) ? isRunning : '');
        return padded(store.reply, id, stored);
      });
    }
  },

  async scheduler() {
    await watch('instance');
    const instances = await bucket('instance');
    await consume('scheduler', async ({ id, revision }, ack) => {
      const placed = await instances.update(id, padded(shape.records.placed, id), revision);
      tell(id, shape.facts.scheduler);
      await cast('compute', id, placed);
      ack();
    });
  },

  async network() {
    await Promise.all([watch('address'), watch('port')]);
    const [instances, addresses, ports] = await Promise.all([bucket('instance'), bucket('address'), bucket('port')]);
    answer('bare.network', async ({ id }) => {
      for (let reads = 0; reads < shape.reads; reads++) await instances.get(id);
      for (const [index, size] of shape.records.addresses.entries()) {
        await addresses.create(`${id}.${index}`, padded(size, id));
      }
      for (const [index, size] of shape.records.ports.entries()) await ports.create(`${id}.${index}`, padded(size, id));
      return padded(shape.calls.network.reply, id);
    });
  },

  async compute() {
    const { beforeNetwork, afterNetwork } = shape.stores;
    const ask = (subject: string, body: string) =>
      bus.nats.connection.request(subject, body, { headers: context(), timeout });
    await consume('compute', async ({ id, revision }, ack) => {
      ack();
      let latest = revision;
      const store = async ({ request }: BareStore, index: number) => {
        latest = readBare((await ask(`bare.store.${index}`, padded(request, id, latest))).data).revision;
      };
      for (const [index, each] of beforeNetwork.entries()) await store(each, index);
      await ask('bare.network', padded(shape.calls.network.request, id));
      for (const [index, each] of afterNetwork.entries()) await store(each, beforeNetwork.length + index);
    });
  },

  /** Hears everything, as the web server does that is in the one process with all parts. */
  async web() {
    const consumer = await bus.nats.jetstream.consumers.getPushConsumer(bareStreams.facts);
    const told = await consumer.consume();
    void (async () => {
      for await (const _ of told);
    })();
  },
};

await Promise.all((asked === 'all' ? Object.keys(roles) : [asked]).map((role) => roles[role]?.()));
await bus.nats.connection.flush();
process.once('SIGTERM', () => void bus.close().then(() => process.exit(0)));
process.stdout.write(`bare ${asked} is ready\n`);

function bucket(name: keyof typeof bareBuckets): Promise<KV> {
  const known = kvs.get(name);
  if (known) return known;
  const { name: full, history } = bareBuckets[name];
  const opening = new Kvm(bus.nats.jetstream).create(full, { history, allow_direct: false });
  kvs.set(name, opening);
  return opening;
}

/** The views of the parts are watches: what they are sent is part of a launch. One for each process, as in the parts. */
async function watch(name: keyof typeof bareBuckets): Promise<void> {
  if (watched.has(name)) return;
  watched.add(name);
  const changes = await (await bucket(name)).watch();
  void (async () => {
    for await (const _ of changes);
  })();
}

function answer(subject: string, handle: (message: BareMessage) => Promise<string>): void {
  const respond = async (message: Msg) => message.respond(await handle(readBare(message.data)));
  bus.nats.connection.subscribe(subject, { queue: 'bare', callback: (_, message) => void respond(message) });
}

function context() {
  const carried = headers();
  carried.set('Bare-Context', 'x'.repeat(shape.context));
  return carried;
}

async function cast(to: 'scheduler' | 'compute', id: string, revision: number): Promise<void> {
  const body = padded(shape.casts[to], id, revision);
  await bus.nats.jetstream.publish(`bare.cast.${to}`, body, { msgID: `${id}-${to}`, headers: context() });
}

async function consume(
  role: 'scheduler' | 'compute',
  handle: (message: BareMessage, ack: () => void) => Promise<void>,
): Promise<void> {
  await bus.nats.manager.consumers.add(bareStreams.casts, {
    durable_name: `bare-${role}`,
    filter_subject: `bare.cast.${role}`,
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: maxInHand,
  });
  const consumer = await bus.nats.jetstream.consumers.get(bareStreams.casts, `bare-${role}`);
  const messages = await consumer.consume({ max_messages: maxInHand });
  void (async () => {
    for await (const message of messages) void handle(readBare(message.data), () => message.ack());
  })();
}

function tell(id: string, sizes: number[], last = ''): void {
  for (const [index, size] of sizes.entries()) {
    const body = padded(size, id, 0, index === sizes.length - 1 ? last : '');
    bus.send(`bare.fact.${id}`, body);
  }
}

/** Who comes while a write is under way shares the next one, as admissions of a project do. */
function together(write: () => Promise<unknown>): () => Promise<unknown> {
  let underWay: Promise<unknown> | undefined;
  let next: Promise<unknown> | undefined;
  return () => {
    if (!underWay) {
      underWay = write().finally(() => {
        underWay = undefined;
      });
      return underWay;
    }
    next ??= underWay.then(() => {
      next = undefined;
      underWay = write().finally(() => {
        underWay = undefined;
      });
      return underWay;
    });
    return next;
  };
}
