/** A key-value bucket as bytes: what is read of it. Writes are messages to its subjects (`bucket.ts`). */
import type { StreamInfo } from '@nats-io/jetstream';
import { type KV, Kvm, type KvWatchEntry } from '@nats-io/kv';
import type { Clock } from '../clock.ts';
import type { Bus, Nats } from './bus.ts';
import { endWhenDeaf } from './end-when-deaf.ts';
import { adjustStream, isStreamGone, replication } from './ensure-stream.ts';
import { answered } from './store-answer.ts';
import { storedVersion } from './stored-version.ts';
import { bucketStream } from './subjects.ts';

/** What was written under a key: a value, or that there is none any more. */
export interface Version {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly isRemoval: boolean;
  readonly revision: number;
  /** When the store took it, by its own clock (epoch ms). */
  readonly writtenAt: number;
}

export interface KeyValues {
  /** Nothing when nothing was ever written under the key. Rejects with `unavailable`. */
  latest(key: string): Promise<Version | undefined>;
  /** What was written as that revision; nothing when that is kept no longer. Rejects with `unavailable`. */
  at(key: string, revision: number): Promise<Version | undefined>;
  /** The revision of the bucket's latest write of all. Rejects with `unavailable`. */
  lastRevision(): Promise<number>;
  /** The keys that have a value, of all or of those that match: `a.*`. */
  keys(filter?: string): Promise<string[]>;
  /**
   * Tells of the latest version of every key, and then of each write, in order. `onEnd` is told when it ends by itself:
   * then nothing more comes. Resolves with the function that ends it; rejects with StateLostError when the bucket is no
   * longer the one that it told of before.
   */
  watch(take: (version: Watched) => void, onEnd: () => void): Promise<() => void>;
}

/** Whether it is a removal is told by headers that are dear to read: who watches decides when. */
export type Watched = Omit<Version, 'writtenAt'>;

/** What was stored is gone: the bucket is not there, was made anew, or is as it was at an earlier time. */
export class StateLostError extends Error {
  override readonly name = 'StateLostError';
}

/** Opens the bucket, and makes it when it is not there. */
export async function openNatsKeyValues(
  nats: Nats,
  { history, ...world }: NatsKeyValuesWorld & { history: number },
): Promise<KeyValues> {
  const { replicas } = nats.store;
  await adjustStream(nats, bucketStream(world.name), replication(nats.store));
  // Any replica would answer, with what may be older than what was written last; and it would answer with the record as it
  // is, also to where that would be taken for another one.
  const options = { history, allow_direct: false, ...(replicas !== undefined && { replicas }) };
  return natsKeyValues(await answered(new Kvm(nats.jetstream).create(world.name, options)), world);
}

export interface NatsKeyValuesWorld {
  readonly name: string;
  readonly clock: Clock;
  readonly request: Bus['request'];
  /** Calls back when the server is there again; returns the function that ends this. */
  readonly onBack: (listener: () => void) => () => void;
}

function natsKeyValues(kv: KV, { name, clock, request, onBack }: NatsKeyValuesWorld): KeyValues {
  /** When the bucket was made, and the latest revision that was told of. */
  let known: { made: string; revision: number } | undefined;

  async function ask(): Promise<StreamInfo> {
    const { streamInfo } = await answered(kv.status());
    return streamInfo;
  }

  /** Rejects when it is not the bucket that is known. */
  async function confirm() {
    // What another watch tells of meanwhile may be later than the answer.
    const { revision = 0 } = known ?? {};
    const { created, state } = await ask().catch((error) => {
      throw known && isStreamGone(error) ? lost('it is not there any more') : error;
    });
    known ??= { made: created, revision };
    if (known.made !== created) throw lost('another one stands in its place');
    if (state.last_seq < revision) throw lost(`it was at revision ${revision} and is now at ${state.last_seq}`);
    return { known, due: state.last_seq };
  }

  function lost(how: string): StateLostError {
    return new StateLostError(`the state store has lost what it held in ${name}: ${how}`);
  }

  return {
    latest: (key) => answered(storedVersion(request, name, key)),
    at: (key, revision) => answered(storedVersion(request, name, key, revision)),
    async lastRevision() {
      const { state } = await ask();
      return state.last_seq;
    },
    async keys(filter) {
      const keys: string[] = [];
      for await (const key of await answered(kv.keys(filter))) keys.push(key);
      return keys;
    },
    async watch(take, onEnd) {
      const { known, due } = await confirm();
      const watch = await answered(kv.watch());
      let isEnded = false;
      function end(): void {
        isEnded = true;
        stopListening();
        stopLooking();
        watch.stop();
      }
      function endByItself(): void {
        if (isEnded) return;
        end();
        onEnd();
      }
      // The server has forgotten who watched; the client finds out only after a while.
      const stopListening = onBack(endByItself);
      const stopLooking = endWhenDeaf(clock, { made: known.made, due, heard: () => known.revision, ask }, endByItself);
      void (async () => {
        for await (const entry of watch) {
          if (isEnded) return;
          const watched = new WatchedEntry(entry);
          known.revision = Math.max(known.revision, watched.revision);
          take(watched);
        }
        endByItself();
      })();
      return end;
    },
  };
}

class WatchedEntry implements Watched {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly revision: number;
  readonly #entry: KvWatchEntry;

  constructor(entry: KvWatchEntry) {
    this.key = entry.key;
    this.bytes = entry.value;
    this.revision = entry.revision;
    this.#entry = entry;
  }

  /** A record is never empty, and the headers that tell a removal are dear to read. */
  get isRemoval(): boolean {
    return this.bytes.length === 0 && this.#entry.operation !== 'PUT';
  }
}
