/**
 * MAC addresses for new ports, unique over all processes: each process reserves blocks of a shared counter, and the
 * next one before it needs it, so that taking one seldom crosses the bus.
 */

import type { Chance } from '../../transport/clock.ts';
import type { Port } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { ViewIndex } from './view-index.ts';

/** OpenStack's own prefix, locally administered. */
const prefix = 'fa:16:3e';
const suffixes = 2 ** 24;
const counterKey = 'mac';
const blockSize = 256;
/** When so few are left, the next block is reserved. */
const fewLeft = blockSize / 2;

export class MacAddresses {
  readonly #counter: Bucket<{ next: number }>;
  readonly #ports: ViewIndex<Port>;
  readonly #chance: Chance;
  /** Those that instances had when this process began: a store that has gone back may give out their blocks again. */
  readonly #recorded: ReadonlySet<string>;
  readonly #reserved: number[] = [];
  #reserving: Promise<void> | undefined;

  private constructor(
    counter: Bucket<{ next: number }>,
    ports: ViewIndex<Port>,
    recorded: ReadonlySet<string>,
    chance: Chance,
  ) {
    this.#counter = counter;
    this.#ports = ports;
    this.#recorded = recorded;
    this.#chance = chance;
  }

  static async open(runtime: Runtime): Promise<MacAddresses> {
    const { store } = runtime;
    const [counter, view, instances] = await Promise.all([
      store.bucket('counter'),
      store.view('port'),
      store.view('instance'),
    ]);
    const recorded = new Set([...instances.values()].flatMap(({ networks }) => networks.map(({ mac }) => mac)));
    const ports = new ViewIndex(view, ({ mac }) => mac);
    const macs = new MacAddresses(counter, ports, recorded, runtime.chance);
    await macs.#reserveNext();
    return macs;
  }

  /** Rejects with `unavailable` when a block is needed and the store does not answer. */
  async take(): Promise<string> {
    for (;;) {
      const suffix = this.#reserved.shift();
      // A block that cannot be reserved ahead of need is no failure yet; the one who needs it will hear of it.
      if (this.#reserved.length < fewLeft) this.#reserveNext().catch(() => undefined);
      if (suffix === undefined) await this.#reserveNext();
      else if (this.#isFree(macOf(suffix))) return macOf(suffix);
    }
  }

  #isFree(mac: string): boolean {
    return !this.#recorded.has(mac) && this.#ports.keys(mac).size === 0;
  }

  #reserveNext(): Promise<void> {
    this.#reserving ??= this.#reserve().finally(() => {
      this.#reserving = undefined;
    });
    return this.#reserving;
  }

  async #reserve(): Promise<void> {
    for (;;) {
      const stored = await this.#counter.get(counterKey);
      // A new cloud begins anywhere, because another may be on the same wire.
      const start = stored?.value.next ?? Math.floor((this.#chance.fraction() * suffixes) / blockSize) * blockSize;
      // After the last block the first ones come again: by then their MACs are free, or ports have them.
      const next = { next: (start + blockSize) % suffixes };
      const written = await (stored
        ? this.#counter.update(counterKey, next, stored.revision)
        : this.#counter.create(counterKey, next));
      if (written === conflict) continue;
      for (let suffix = start; suffix < start + blockSize; suffix++) this.#reserved.push(suffix);
      return;
    }
  }
}

function macOf(suffix: number): string {
  return [prefix, ...[16, 8, 0].map((shift) => ((suffix >>> shift) & 0xff).toString(16).padStart(2, '0'))].join(':');
}
