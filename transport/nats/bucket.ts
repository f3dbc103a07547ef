/**
 * A key-value bucket of one kind of record. Every write is a compare-and-set on the record's revision, so that of two
 * writers one learns that it was late; what has to be unique is a `create` of a key.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { headers } from 'nats';
import type { Static, TSchema } from 'typebox';
import { type Codec, codec } from '../messages/codec.ts';
import type { Bus } from './bus.ts';
import { answered } from './store-answer.ts';
import { subjects } from './subjects.ts';

/** What a bucket holds, and how many versions of each record it keeps. */
export interface BucketKind<T> {
  readonly name: string;
  readonly record: Codec<T>;
  readonly history: number;
}

export function defineBucket<S extends TSchema>(
  name: string,
  record: S,
  { history = 1 }: { history?: number } = {},
): BucketKind<Static<S>> {
  return { name, record: codec(`${name} record`, record, { maxBytes: 1024 * 1024 }), history };
}

export interface Entry<T> {
  key: string;
  value: T;
  revision: number;
}

/** `conflict`: somebody else wrote in between. Whoever lost reads again and decides anew. */
export const conflict = Symbol('conflict');
export type Conflict = typeof conflict;

export interface Bucket<T> {
  readonly kind: BucketKind<T>;
  readonly kv: KV;
  get(key: string): Promise<Entry<T> | undefined>;
  /** The new revision, or `conflict` when the key is there already. */
  create(key: string, value: T): Promise<number | Conflict>;
  /** The new revision, or `conflict` when the record is no longer at `revision`. */
  update(key: string, value: T, revision: number): Promise<number | Conflict>;
  /** Without a look at what was there: for records that only one process writes. */
  put(key: string, value: T): Promise<number>;
  /** Removes the record; a no-op when there is none. With `revision`: only if it still is at it. */
  remove(key: string, revision?: number): Promise<Conflict | undefined>;
  /**
   * Writes the record, or removes it when there is no value, as long as `seen` is the revision of the bucket's latest
   * write of all: for what must hold over several records. The new revision, or `conflict`.
   */
  decide(key: string, value: T | undefined, seen: number): Promise<number | Conflict>;
}

/** Opens the bucket, and makes it when it is not there. */
export async function openBucket<T>({ jetstream }: Bus, kind: BucketKind<T>): Promise<Bucket<T>> {
  const kv = await new Kvm(jetstream).create(kind.name, { history: kind.history });
  return {
    kind,
    kv,
    async get(key) {
      const entry = await answered(kv.get(key));
      if (entry?.operation !== 'PUT') return undefined;
      return { key, value: kind.record.decode(entry.value), revision: entry.revision };
    },
    create: async (key, value) => orConflict(kv.create(checkKey(key), kind.record.encode(value))),
    update: async (key, value, revision) => orConflict(kv.update(checkKey(key), kind.record.encode(value), revision)),
    put: async (key, value) => answered(kv.put(checkKey(key), kind.record.encode(value))),
    async remove(key, revision) {
      checkKey(key);
      const removed = await orConflict(
        kv.delete(key, revision === undefined ? {} : { previousSeq: revision }).then(() => 0),
      );
      return removed === conflict ? conflict : undefined;
    },
    async decide(key, value, seen) {
      const subject = subjects.record(kind.name, checkKey(key));
      const payload = value === undefined ? undefined : kind.record.encode(value);
      const marks = headers();
      if (value === undefined) marks.set('KV-Operation', 'DEL');
      const write = jetstream.publish(subject, payload, { expect: { lastSequence: seen }, headers: marks });
      return orConflict(write.then(({ seq }) => seq));
    },
  };
}

/** A key that NATS refuses is a bug of ours, and must not look like a store that may answer later. */
function checkKey(key: string): string {
  if (!/^[\w=/-]+(\.[\w=/-]+)*$/.test(key)) throw new TypeError(`${JSON.stringify(key)} is not a key of a bucket`);
  return key;
}

/** JetStream's "wrong last sequence". */
const wrongLastSequence = new Set([10071, 10164]);

async function orConflict(write: Promise<number>): Promise<number | Conflict> {
  try {
    return await answered(write);
  } catch (error) {
    if (error instanceof JetStreamApiError && wrongLastSequence.has(error.code)) return conflict;
    throw error;
  }
}
