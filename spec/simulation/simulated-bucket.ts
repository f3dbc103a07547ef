/**
 * A key-value bucket of a simulated nats-server: a stream that keeps the latest versions of each key, and all that watch
 * it. Whom the server has yet to tell of a version that is kept no longer it leaves without.
 */
import type { MsgHdrs } from 'nats';
import type { Version, Watched } from '../../transport/nats/key-values.ts';
import type { SimulatedNats } from './simulated-nats.ts';
import type { Peer } from './simulated-process.ts';

export type StoredVersion = Version;

/** One who watches, and how far it has been told. */
interface Watcher {
  process: Peer;
  take: (version: Watched) => void;
  /** Where in the log its next version is. */
  next: number;
  isExpecting: boolean;
}

const wrongLastSequence = { code: 400, err_code: 10071, description: 'wrong last sequence' };

export class SimulatedBucket {
  readonly name: string;
  readonly #nats: SimulatedNats;
  readonly #log: Version[] = [];
  readonly #latest = new Map<string, Version>();
  /** Which versions of each key are kept, the oldest first. */
  readonly #kept = new Map<string, number[]>();
  readonly #watchers = new Set<Watcher>();
  readonly #onWrite: (version: Version) => void;
  /** How many versions of each key are kept. */
  history = 1;
  /** Of the versions, how many are never lost. */
  #flushed = 0;

  constructor(nats: SimulatedNats, name: string, onWrite: (version: Version) => void) {
    this.#nats = nats;
    this.name = name;
    this.#onWrite = onWrite;
  }

  get lastRevision(): number {
    return this.#log.length;
  }

  latest(key: string): Version | undefined {
    return this.#latest.get(key);
  }

  at(key: string, revision: number): Version | undefined {
    const version = this.#log[revision - 1];
    return version?.key === key && this.#isKept(version) ? version : undefined;
  }

  /** Those that have a value. A `*` in the filter stands for one token. */
  keys(filter?: string): string[] {
    const pattern = filter && new RegExp(`^${filter.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`);
    return [...this.#latest.values()]
      .filter(({ isRemoval, key }) => !isRemoval && (!pattern || pattern.test(key)))
      .map(({ key }) => key);
  }

  /** What JetStream answers. */
  write(key: string, bytes: Uint8Array, marks: MsgHdrs, isFenced: boolean): object {
    const ofKey = marks.get('Nats-Expected-Last-Subject-Sequence');
    const ofAll = marks.get('Nats-Expected-Last-Sequence');
    const isLate =
      (ofKey !== '' && Number(ofKey) !== (this.#latest.get(key)?.revision ?? 0)) ||
      (ofAll !== '' && Number(ofAll) !== this.#log.length);
    if (isLate && isFenced) return { error: wrongLastSequence };
    const version: Version = {
      key,
      bytes,
      isRemoval: marks.get('KV-Operation') === 'DEL',
      revision: this.#log.length + 1,
      writtenAt: this.#nats.time.now(),
    };
    this.#log.push(version);
    this.#keep(version);
    this.#onWrite(version);
    this.deliver();
    return { seq: version.revision };
  }

  /** What is written by now is on the disk. */
  flush(): void {
    this.#flushed = this.#log.length;
  }

  /** Loses its last writes, up to so many, and gives out their revisions again. Returns them. */
  loseLast(count: number): Version[] {
    const lost = this.#log.splice(Math.max(this.#flushed, this.#log.length - count));
    this.#latest.clear();
    this.#kept.clear();
    for (const version of this.#log) this.#keep(version);
    return lost;
  }

  #keep(version: Version): void {
    const { key, revision } = version;
    this.#latest.set(key, version);
    this.#kept.set(key, [...(this.#kept.get(key) ?? []), revision].slice(-this.history));
  }

  #isKept({ key, revision }: Version): boolean {
    return revision >= (this.#kept.get(key)?.[0] ?? 0);
  }

  watch(process: Peer, take: (version: Watched) => void): () => void {
    const watcher: Watcher = { process, take, next: this.#log.length, isExpecting: false };
    const known = [...this.#latest.values()].sort((one, other) => one.revision - other.revision);
    // In order: what was known first, and what is written from now on after it.
    watcher.isExpecting = true;
    this.#nats.time.after(this.#nats.latency(), () =>
      process.run(() => {
        for (const version of known) if (this.#isKept(version) && this.#watchers.has(watcher)) take(version);
        watcher.isExpecting = false;
        this.#expect(watcher);
      }),
    );
    this.#watchers.add(watcher);
    const stopListening = process.onLink(() => this.#expect(watcher));
    return () => {
      stopListening();
      this.#watchers.delete(watcher);
    };
  }

  /** Sends everybody what they have not been told. */
  deliver(): void {
    for (const watcher of this.#watchers) this.#expect(watcher);
  }

  #expect(watcher: Watcher): void {
    const { process } = watcher;
    if (!process.isAlive) this.#watchers.delete(watcher);
    const isToldAll = watcher.next >= this.#log.length || !this.#watchers.has(watcher);
    if (watcher.isExpecting || isToldAll || !this.#nats.reaches(process)) return;
    watcher.isExpecting = true;
    this.#nats.time.after(this.#nats.latency(), () =>
      process.run(() => {
        watcher.isExpecting = false;
        // What the link did not bring it brings when it is back.
        if (!this.#nats.reaches(process)) return;
        const until = this.#log.length;
        while (watcher.next < until && this.#watchers.has(watcher)) {
          const version = this.#log[watcher.next++] as Version;
          if (this.#isKept(version)) watcher.take(version);
        }
        this.#expect(watcher);
      }),
    );
  }
}
