/**
 * What one launch really sends: recorded from the wire while a real one happens, so that the bare chain sends as much.
 * Sizes are in bytes, of bodies; the subject tells who sent what.
 */
import { facts } from '../../transport/messages/internal.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';

export interface LaunchShape {
  /** The client's request to the API server, the API server's to the controller, the host's to the network. */
  calls: Record<'api' | 'controller' | 'network', { request: number; reply: number }>;
  casts: Record<'scheduler' | 'compute', number>;
  /** What travels in the one header of a call or cast. */
  context: number;
  /** Acknowledged writes, by who makes them. A host writes before and after it asks for a network. */
  records: {
    admission: number;
    created: number;
    placed: number;
    beforeNetwork: number[];
    afterNetwork: number[];
    addresses: number[];
    ports: number[];
  };
  /** How often the network controller asks the store for the record. */
  reads: number;
  facts: Record<'controller' | 'scheduler' | 'compute', number[]>;
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
  const call = (pattern: RegExp) => {
    const request = one(sent(pattern), pattern);
    const reply = one(
      seen.filter(({ subject }) => subject === request.reply),
      pattern,
    );
    return { request: request.body.length, reply: reply.body.length };
  };
  const asked = seen.findIndex(({ subject }) => networkCall.test(subject));
  const writes = seen.flatMap(({ subject, body }, index) =>
    subject.startsWith('$KV.cloud_instance.') ? [{ size: body.length, index }] : [],
  );
  const [created, placed, ...byHost] = writes;
  if (!created || !placed) throw new Error('the launch that was recorded has stored no instance');
  const told = sent(/^cloud\.fact\.instance\./).map(({ body }) => ({
    size: body.length,
    by: tellerOf(facts.instance.body.decode(body)),
  }));
  const toldBy = (teller: string) => told.filter(({ by }) => by === teller).map(({ size }) => size);
  return {
    calls: {
      api: call(/^cloud\.api\./),
      controller: call(/^cloud\.controller\.call\./),
      network: call(networkCall),
    },
    casts: {
      scheduler: one(sent(/^cloud\.scheduler\.cast\./), 'scheduler cast').body.length,
      compute: one(sent(/^cloud\.compute\..*\.cast\./), 'compute cast').body.length,
    },
    context: one(sent(networkCall), networkCall).header,
    records: {
      admission: one(sent(/^\$KV\.cloud_admission\./), 'admission').body.length,
      created: created.size,
      placed: placed.size,
      beforeNetwork: byHost.filter(({ index }) => index < asked).map(({ size }) => size),
      afterNetwork: byHost.filter(({ index }) => index > asked).map(({ size }) => size),
      addresses: sizes(/^\$KV\.cloud_address\./),
      ports: sizes(/^\$KV\.cloud_port\./),
    },
    reads: sent(/^\$JS\.API\.STREAM\.MSG\.GET\.KV_cloud_instance$/).length,
    facts: { controller: toldBy('controller'), scheduler: toldBy('scheduler'), compute: toldBy('compute') },
  };
}

const networkCall = /^cloud\.network\.host\./;

/** Who owns the instance when this happens to it. */
function tellerOf({ from, to }: { from?: string; to: string }): keyof LaunchShape['facts'] {
  if (to === 'scheduling') return 'controller';
  return from === 'scheduling' ? 'scheduler' : 'compute';
}

function one(found: Seen[], what: RegExp | string): Seen {
  const [first] = found;
  if (!first || found.length !== 1) throw new Error(`a launch should have one ${what}, and had ${found.length}`);
  return first;
}

export function countOf({ calls, casts, records, reads, facts: told }: LaunchShape) {
  return {
    calls: Object.keys(calls).length,
    casts: Object.keys(casts).length,
    records: Object.values(records).flat().length,
    reads,
    facts: Object.values(told).flat().length,
  };
}
