/** A key-value bucket as bytes: what is read of it. Writes are messages to its subjects (`bucket.ts`). */
import type { KV, KvEntry, KvWatchEntry } from '@nats-io/kv';
import { answered } from './store-answer.ts';

/** The latest that was written under a key: a value, or that there is none any more. */
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
  /** The revision of the bucket's latest write of all. Rejects with `unavailable`. */
  lastRevision(): Promise<number>;
  /** The keys that have a value, of all or of those that match: `a.*`. */
  keys(filter?: string): Promise<string[]>;
  /**
   * Tells of the latest version of every key, and then of each write, in order. `onEnd` is told when it ends by itself:
   * then nothing more comes. Resolves with the function that ends it.
   */
  watch(take: (version: Watched) => void, onEnd: () => void): Promise<() => void>;
}

/** Whether it is a removal is told by headers that are dear to read: who watches decides when. */
export type Watched = Omit<Version, 'writtenAt'>;

export function natsKeyValues(kv: KV): KeyValues {
  return {
    async latest(key) {
      const entry = await answered(kv.get(key));
      return entry ? versionOf(entry) : undefined;
    },
    async lastRevision() {
      const { streamInfo } = await answered(kv.status());
      return streamInfo.state.last_seq;
    },
    async keys(filter) {
      const keys: string[] = [];
      for await (const key of await answered(kv.keys(filter))) keys.push(key);
      return keys;
    },
    async watch(take, onEnd) {
      let isEnded = false;
      const watch = await answered(kv.watch());
      void (async () => {
        for await (const entry of watch) take(watchedOf(entry));
        if (!isEnded) onEnd();
      })();
      return () => {
        isEnded = true;
        watch.stop();
      };
    },
  };
}

function versionOf(entry: KvEntry): Version {
  return {
    key: entry.key,
    bytes: entry.value,
    isRemoval: entry.operation !== 'PUT',
    revision: entry.revision,
    writtenAt: entry.created.getTime(),
  };
}

function watchedOf(entry: KvWatchEntry): Watched {
  const { key, value, revision } = entry;
  return {
    key,
    bytes: value,
    revision,
    // A record is never empty, and the headers that tell a removal are dear to read.
    get isRemoval() {
      return value.length === 0 && entry.operation !== 'PUT';
    },
  };
}
