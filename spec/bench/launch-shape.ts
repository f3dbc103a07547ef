/**
 * What one launch really sends: recorded from the wire while a real one happens, so that the bare chain sends as much.
 * Sizes are in bytes, of bodies; the subject tells who sent what.
 */
import { controllerCalls, facts, type InstanceFact } from '../../transport/messages/internal.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';

export interface LaunchShape {
  /** The client's request to the API server, the API server's to the controller, the host's to the network. */
  calls: Record<'api' | 'controller' | 'network', BareCall>;
  /** The host's to the controller, before and after it asks for a network: each is a record, and facts. */
  stores: Record<'beforeNetwork' | 'afterNetwork', BareStore[]>;
  casts: Record<'scheduler' | 'compute', number>;
  /** What travels in the one header of a call or cast. */
  context: number;
  /** Acknowledged writes, but for those that a host asks for. */
  records: {
    admission: number;
    created: number;
    placed: number;
    addresses: number[];
    ports: number[];
  };
  /** How often the network controller asks the store for the record. */
  reads: number;
  /** But for those that a host has told. */
  facts: Record<'controller' | 'scheduler', number[]>;
}

interface BareCall {
  request: number;
  reply: number;
}

/** `record` and `facts`: what the controller then stores and tells. */
export interface BareStore extends BareCall {
  record: number;
  facts: number[];
}

interface Seen {
  subject: string;
  body: Uint8Array;
  reply: string;
  header: number;
}

/** How long the last facts may take after the launch is over. */
const settleMs = 250;

/** Nothing else may be launched meanwhile. */
export async function recordShape(url: string, launch: () => Promise<void>): Promise<LaunchShape> {
  const bus = await connectBus({ url, name: 'bench recorder' });
  try {
    return shapeOf(await listen(bus, launch));
  } finally {
    await bus.close();
  }
}

async function listen({ nats: { connection } }: Bus, launch: () => Promise<void>): Promise<Seen[]> {
  const seen: Seen[] = [];
  connection.subscribe('>', {
    callback: (error, { subject, data, reply = '', headers }) => {
      // What a consumer is delivered has the subject of what was published, and asks for an acknowledgement.
      if (error || reply.startsWith('$JS.ACK')) return;
      const header = [...(headers ?? [])].reduce((sum, [, values]) => sum + values.join('').length, 0);
      seen.push({ subject, body: data, reply, header });
    },
  });
  await connection.flush();
  await launch();
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  return seen;
}

function shapeOf(seen: Seen[]): LaunchShape {
  const sent = (pattern: RegExp) => seen.filter(({ subject }) => pattern.test(subject));
  const sizes = (pattern: RegExp) => sent(pattern).map(({ body }) => body.length);
  const replyTo = ({ reply }: Seen) => seen.filter(({ subject }) => subject === reply);
  const call = (pattern: RegExp) => {
    const request = one(sent(pattern), pattern);
    return { request: request.body.length, reply: one(replyTo(request), pattern).body.length };
  };
  const [created, placed, ...byHost] = sizes(/^\$KV\.cloud_instance\./);
  if (!created || !placed) throw new Error('the launch that was recorded has stored no instance');
  const stores = sent(storeCall).map((request, index) => ({
    isBefore: seen.indexOf(request) < seen.findIndex(({ subject }) => networkCall.test(subject)),
    request: request.body.length,
    reply: one(replyTo(request), storeCall).body.length,
    record: byHost[index] ?? 0,
    facts: controllerCalls.storeInstance.request.decode(request.body).facts.map(({ fact }) => sizeOf(fact)),
  }));
  if (stores.length !== byHost.length) throw new Error('the launch that was recorded was stored otherwise');
  const told = sent(/^cloud\.fact\.instance\./).map(({ body }) => facts.instance.body.decode(body));
  const toldBy = (teller: string) => told.filter((fact) => tellerOf(fact) === teller).map(sizeOf);
  return {
    calls: {
      api: call(/^cloud\.api\./),
      controller: call(/^cloud\.controller\.call\./),
      network: call(networkCall),
    },
    stores: {
      beforeNetwork: stores.filter(({ isBefore }) => isBefore),
      afterNetwork: stores.filter(({ isBefore }) => !isBefore),
    },
    casts: {
      scheduler: one(sent(/^cloud\.scheduler\.cast\./), 'scheduler cast').body.length,
      compute: one(sent(/^cloud\.compute\..*\.cast\./), 'compute cast').body.length,
    },
    context: one(sent(networkCall), networkCall).header,
    records: {
      admission: one(sent(/^\$KV\.cloud_admission\./), 'admission').body.length,
      created,
      placed,
      addresses: sizes(/^\$KV\.cloud_address\./),
      ports: sizes(/^\$KV\.cloud_port\./),
    },
    reads: sent(/^\$JS\.API\.STREAM\.MSG\.GET\.KV_cloud_instance$/).length,
    facts: { controller: toldBy('controller'), scheduler: toldBy('scheduler') },
  };
}

const networkCall = /^cloud\.network\.host\./;
const storeCall = /^cloud\.controller\.host\..*\.store_instance$/;

const sizeOf = (fact: InstanceFact) => facts.instance.body.encode(fact).length;

/** Who owns the instance when this happens to it. */
function tellerOf({ from, to }: InstanceFact): keyof LaunchShape['facts'] | 'compute' {
  if (to === 'scheduling') return 'controller';
  return from === 'scheduling' ? 'scheduler' : 'compute';
}

function one(found: Seen[], what: RegExp | string): Seen {
  const [first] = found;
  if (!first || found.length !== 1) throw new Error(`a launch should have one ${what}, and had ${found.length}`);
  return first;
}

export function countOf({ calls, stores, casts, records, reads, facts: told }: LaunchShape) {
  const stored = Object.values(stores).flat();
  return {
    calls: Object.keys(calls).length + stored.length,
    casts: Object.keys(casts).length,
    records: Object.values(records).flat().length + stored.length,
    reads,
    facts: [Object.values(told), stored.map(({ facts }) => facts)].flat(2).length,
  };
}
