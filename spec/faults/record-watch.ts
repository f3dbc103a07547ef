/** Watches a bucket from outside the cloud: every version that is kept of every record, also after the server was away. */
import { Kvm, KvWatchInclude } from '@nats-io/kv';
import { sleep, systemClock } from '../../transport/clock.ts';
import type { Bus } from '../../transport/nats/bus.ts';

export interface Seen {
  key: string;
  /** Nothing: it was removed. */
  json: unknown;
  revision: number;
  /** By the clock of the store (epoch ms). */
  at: number;
}

export class RecordWatch {
  readonly #bus: Bus;
  readonly #bucket: string;
  readonly #take: (seen: Seen) => void;
  readonly #stopping = new AbortController();
  #end = () => {};
  /** Up to which revision everything was seen. */
  #revision = 0;

  constructor(bus: Bus, bucket: string, take: (seen: Seen) => void) {
    this.#bus = bus;
    this.#bucket = bucket;
    this.#take = take;
    void this.#watch();
    void this.#followConnection();
  }

  /** Resolves when all that the bucket held when it was asked has been seen. */
  async caughtUp(): Promise<void> {
    const { state } = await this.#bus.nats.manager.streams.info(`KV_${this.#bucket}`);
    while (this.#revision < state.last_seq && !this.#stopping.signal.aborted) await sleep(systemClock, 20);
  }

  close(): void {
    this.#stopping.abort();
    this.#end();
  }

  async #watch(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        const kv = await new Kvm(this.#bus.nats.jetstream).open(this.#bucket);
        const watch = await kv.watch({
          include: KvWatchInclude.AllHistory,
          ...(this.#revision > 0 && { resumeFromRevision: this.#revision + 1 }),
        });
        this.#end = () => watch.stop();
        for await (const { key, value, revision, operation, created } of watch) {
          if (revision <= this.#revision) continue;
          this.#revision = revision;
          const json = operation === 'PUT' ? JSON.parse(Buffer.from(value).toString()) : undefined;
          this.#take({ key, json, revision, at: created.getTime() });
        }
      } catch {
        // There is no server, or not this bucket yet.
        await sleep(systemClock, 100);
      }
    }
  }

  /** The client itself would notice only after some heartbeats that its watch was on a server that is gone. */
  async #followConnection(): Promise<void> {
    for await (const { type } of this.#bus.nats.connection.status()) if (type === 'reconnect') this.#end();
  }
}
