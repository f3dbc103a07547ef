/**
 * A key-value bucket of one kind of record. Every write is a compare-and-set on the record's revision, so that of two
 * writers one learns that it was late; what has to be unique is a `create` of a key.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import { headers } from 'nats';
import { fail, toFailure } from '../../machines/failure.ts';
import type { BucketKind } from '../messages/kinds.ts';
import type { Bus } from './bus.ts';
import type { KeyValues, Version } from './key-values.ts';
import { publishStored } from './publish-stored.ts';
import { subjects } from './subjects.ts';

export interface Entry<T> {
  key: string;
  value: T;
  revision: number;
}

export type Place<T> = Entry<T> | { value: undefined; revision: number };

/** `conflict`: somebody else wrote in between. Whoever lost reads again and decides anew. */
export const conflict = Symbol('conflict');
export type Conflict = typeof conflict;

export interface Bucket<T> {
  readonly kind: BucketKind<T>;
  /** Rejects with `invalid_request` for a record that cannot be read. */
  get(key: string): Promise<Entry<T> | undefined>;
  /** The record as it was at that revision; nothing when that is kept no longer, or was a removal. */
  at(key: string, revision: number): Promise<Entry<T> | undefined>;
  /** What stands at a key: a record, or where one was removed last (revision 0: there never was one). */
  look(key: string): Promise<Place<T>>;
  /** The new revision, or `conflict` when the key is there already. */
  create(key: string, value: T): Promise<number | Conflict>;
  /** The new revision, or `conflict` when the record is no longer at `revision`, be it that of a removal (0: of nothing). */
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
  /** The keys that have a record, of all or of those that match: `a.*`. */
  keys(filter?: string): Promise<string[]>;
  /** When the key was written last (epoch ms); nothing when it never was. */
  writtenAt(key: string): Promise<number | undefined>;
  /** The records as bytes: what a view is made of. */
  readonly stored: Pick<KeyValues, 'watch' | 'lastRevision'>;
}

/** Opens the bucket, and makes it when it is not there. */
export async function openBucket<T>(bus: Bus, kind: BucketKind<T>): Promise<Bucket<T>> {
  const stored = await bus.openKeyValues(kind.name, { history: kind.history });

  /** Stores the value, or that there is none, if what is expected is so. */
  function write(key: string, value: T | undefined, expected: Record<string, string>): Promise<number | Conflict> {
    const subject = subjects.record(kind.name, checkKey(key));
    const marks = headers();
    if (value === undefined) marks.set('KV-Operation', 'DEL');
    for (const [name, revision] of Object.entries(expected)) marks.set(name, revision);
    return orConflict(publishStored(bus, subject, value === undefined ? '' : kind.record.encode(value), marks));
  }

  function placeOf(key: string, version: Version | undefined): Place<T> {
    if (!version || version.isRemoval) return { value: undefined, revision: version?.revision ?? 0 };
    return { key, value: read(key, version.bytes), revision: version.revision };
  }

  function read(key: string, bytes: Uint8Array): T {
    try {
      return kind.record.decode(bytes);
    } catch (thrown) {
      const { code, message, details } = toFailure(thrown);
      throw fail(
        code,
        `the record ${key} of the bucket ${kind.name} cannot be read (${message}): it is damaged, or of a later release; ` +
          'go on with that release, or put back or remove the record',
        { ...(details && { details }) },
      );
    }
  }

  return {
    kind,
    stored,
    get: async (key) => recordOf(placeOf(key, await stored.latest(key))),
    at: async (key, revision) => recordOf(placeOf(key, await stored.at(key, revision))),
    look: async (key) => placeOf(key, await stored.latest(key)),
    async create(key, value) {
      const created = await write(key, value, latestOfKey(0));
      if (created !== conflict) return created;
      // Where a record was removed there is none.
      const latest = await stored.latest(key);
      return latest?.isRemoval ? write(key, value, latestOfKey(latest.revision)) : conflict;
    },
    update: async (key, value, revision) => write(key, value, latestOfKey(revision)),
    async put(key, value) {
      const revision = await write(key, value, {});
      if (revision === conflict) throw new TypeError(`${kind.name} has a conflict where nothing was expected`);
      return revision;
    },
    async remove(key, revision) {
      const removed = await write(key, undefined, revision === undefined ? {} : latestOfKey(revision));
      return removed === conflict ? conflict : undefined;
    },
    decide: async (key, value, seen) => write(key, value, { 'Nats-Expected-Last-Sequence': String(seen) }),
    keys: (filter) => stored.keys(filter),
    writtenAt: async (key) => (await stored.latest(key))?.writtenAt,
  };
}

function recordOf<T>(place: Place<T>): Entry<T> | undefined {
  return 'key' in place ? place : undefined;
}

/** What makes a write a compare-and-set on its own key; 0: there never was a record. */
const latestOfKey = (revision: number) => ({ 'Nats-Expected-Last-Subject-Sequence': String(revision) });

/** A key that NATS refuses is a bug of ours, and must not look like a store that may answer later. */
function checkKey(key: string): string {
  if (!/^[\w=/-]+(\.[\w=/-]+)*$/.test(key)) throw new TypeError(`${JSON.stringify(key)} is not a key of a bucket`);
  return key;
}

/** JetStream's "wrong last sequence". */
const wrongLastSequence = new Set([10071, 10164]);

async function orConflict(write: Promise<number>): Promise<number | Conflict> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof JetStreamApiError && wrongLastSequence.has(error.code)) return conflict;
    throw error;
  }
}
