/**
 * fact: what happened. Published without waiting, captured by a stream that anyone with the right may read and replay.
 * A fact tells; the records stay the truth.
 */
import { DiscardPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { nanos } from 'nats';
import type { Static, TSchema } from 'typebox';
import { type Codec, codec } from '../messages/codec.ts';
import type { Bus } from './bus.ts';
import { streams } from './subjects.ts';

export interface Fact<Body> {
  readonly name: string;
  readonly body: Codec<Body>;
}

export function defineFact<S extends TSchema>(name: string, body: S): Fact<Static<S>> {
  return { name, body: codec(name, body) };
}

const dayMs = 24 * 3600 * 1000;

/** Makes the stream of facts when it is not there. */
export async function ensureFactStream({ manager }: Bus, { keepDays = 7, maxBytes = 1024 ** 3 } = {}): Promise<void> {
  await manager.streams.add({
    name: streams.facts.name,
    subjects: [...streams.facts.subjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_age: nanos(keepDays * dayMs),
    max_bytes: maxBytes,
  });
}

export function publishFact<Body>(bus: Bus, subject: string, { body: bodyCodec }: Fact<Body>, body: Body): void {
  bus.send(subject, bodyCodec.encode(body));
}
