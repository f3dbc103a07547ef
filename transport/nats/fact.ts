/**
 * fact: what happened. Published without waiting, captured by a stream that anyone with the right may read and replay.
 * A fact tells; the records stay the truth.
 */
import { AckPolicy, DeliverPolicy, DiscardPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { nanos } from 'nats';
import type { Codec } from '../messages/codec.ts';
import type { Fact } from '../messages/kinds.ts';
import type { Bus, Nats } from './bus.ts';
import { adjustStream, ensureStream } from './ensure-stream.ts';
import { withId } from './message-id.ts';
import { answered, isStoreFull } from './store-answer.ts';
import { streams } from './subjects.ts';

const dayMs = 24 * 3600 * 1000;

const keptDays = 7;
/** The oldest facts go when there are more, in bytes. */
const mostBytes = 1024 ** 3;
/** How much of a store that is limited facts may fill. */
const shareOfStore = 1 / 4;
/** In a store of less there is no room for a cloud, in bytes. */
const leastStore = 64 * 1024 ** 2;

/**
 * Makes the stream of facts when it is not there. What a server has of its disk it tells nobody: it refuses to promise more.
 * What it does promise is then about what the store may hold, of which facts are left their share.
 */
export async function ensureFactStream(nats: Nats): Promise<void> {
  const { bytes, factDays } = nats.store;
  const { limits } = await answered(nats.manager.getAccountInfo());
  const limit = Math.min(bytes ?? mostBytes / shareOfStore, limits.max_storage > 0 ? limits.max_storage : Infinity);
  const maxBytes = Math.min(mostBytes, Math.floor(limit * shareOfStore));
  const config = {
    name: streams.facts.name,
    subjects: [...streams.facts.subjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_age: nanos(keptDays * dayMs),
  };
  const set = {
    ...(factDays !== undefined && { max_age: nanos(factDays * dayMs) }),
    ...(bytes !== undefined && { max_bytes: maxBytes }),
  };
  for (let promised = maxBytes; ; promised = Math.floor(promised / 2)) {
    try {
      await ensureStream(nats, { ...config, max_bytes: promised }, set);
      if (promised < maxBytes)
        await adjustStream(nats, config.name, { max_bytes: Math.floor(promised * shareOfStore) });
      return;
    } catch (error) {
      if (!isStoreFull(error) || bytes !== undefined || promised / 2 < leastStore) throw error;
    }
  }
}

/** `id`: the same twice within two minutes is one fact. */
export function publishFact<Body>(
  bus: Bus,
  subject: string,
  { body: bodyCodec }: Fact<Body>,
  body: Body,
  id?: string,
): void {
  bus.send(subject, bodyCodec.encode(body), id === undefined ? {} : { headers: withId(id) });
}

export interface CapturedFact<Body> {
  /** Its place in the stream: later ones have greater ones. */
  sequence: number;
  /** Absent: it cannot be read. */
  body?: Body;
}

/** Where to begin: after a sequence, or else at a time (epoch ms), or else with the oldest that is kept. */
export interface ReplayStart {
  after?: number | undefined;
  since?: number | undefined;
}

/** How many are fetched at a time. */
const batchSize = 256;
/** How long to wait for facts that the stream said it holds: less only when it drops them meanwhile (ms). */
const fetchMs = 5_000;
/** When the server may forget a consumer that was not taken away, because its process has died (ms). */
const forgottenMs = 30_000;

/**
 * What was captured on a subject until now, oldest first. How much that is is known from the beginning, so it ends
 * without waiting for more. Its consumer is gone when the loop over it is over, however it ends.
 */
export async function* replayFacts<Body>(
  { nats: { manager, jetstream } }: Bus,
  subject: string,
  { body: codecOfBody }: Fact<Body>,
  { after, since }: ReplayStart = {},
): AsyncGenerator<CapturedFact<Body>> {
  const stream = streams.facts.name;
  const consumer = await answered(
    manager.consumers.add(stream, {
      filter_subject: subject,
      ack_policy: AckPolicy.None,
      mem_storage: true,
      inactive_threshold: nanos(forgottenMs),
      ...(after !== undefined
        ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: after + 1 }
        : since !== undefined
          ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(since).toISOString() }
          : { deliver_policy: DeliverPolicy.All }),
    }),
  );
  try {
    const pulled = jetstream.consumers.getConsumerFromInfo(consumer);
    for (let left = consumer.num_pending; left > 0; ) {
      const before = left;
      const batch = await pulled.fetch({ max_messages: Math.min(left, batchSize), expires: fetchMs });
      for await (const { seq, data } of batch) {
        left -= 1;
        yield { sequence: seq, ...readable(codecOfBody, data) };
      }
      if (left === before) return;
    }
  } finally {
    await manager.consumers.delete(stream, consumer.name).catch(() => undefined);
  }
}

function readable<Body>(bodyCodec: Codec<Body>, data: Uint8Array): { body?: Body } {
  try {
    return { body: bodyCodec.decode(data) };
  } catch {
    return {};
  }
}
