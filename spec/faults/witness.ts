/** Sees everything of a cloud of real processes, from outside: what the checker judges it by. */

import { stateOf } from '../../actors/instance/stored-chart.ts';
import { isAtRest } from '../../machines/instance-states.ts';
import { sleep, systemClock } from '../../transport/clock.ts';
import { type AddressLease, buckets, type Host, type Instance, type Port } from '../../transport/messages/records.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { streams } from '../../transport/nats/subjects.ts';
import { DoubleWatch } from '../checker/double-watch.ts';
import { History } from '../checker/history.ts';
import type { HeldGuest, Remains } from '../checker/remains.ts';
import type { Violation } from '../checker/violation.ts';
import type { JournalWatch } from './journal-watch.ts';
import { RecordWatch } from './record-watch.ts';

/** For how long nothing may happen before a cloud counts as quiet, and how long it may take until it is (ms). */
const quietMs = 500;
const patienceMs = 120_000;

export class Witness {
  readonly history = new History();
  readonly #bus: Bus;
  readonly #held: () => Promise<HeldGuest[]>;
  readonly #records: RecordWatch;
  readonly #hosts: RecordWatch;
  readonly #doubles: DoubleWatch;

  /** `held`: what the hosts' hypervisors hold now; `journals`: what those of them do that are simulated. */
  constructor(bus: Bus, journals: JournalWatch, held: () => Promise<HeldGuest[]>) {
    this.#bus = bus;
    this.#held = held;
    this.#records = new RecordWatch(bus, buckets.instance.name, ({ key, json, revision, at }) => {
      if (json) this.history.saw(key, { at, revision, record: json as Instance });
    });
    this.#doubles = new DoubleWatch(journals, this.history, () => Date.now());
    this.#hosts = new RecordWatch(bus, buckets.host.name, ({ json }) => {
      // What a host did before it said that it is back has to be seen before.
      journals.look();
      if (json) this.#doubles.hostSeen(json as Host);
    });
    journals.follow((seen) => {
      this.history.guests.push(seen);
      this.#doubles.look(seen.uuid);
    });
  }

  /** Which hosts are held for dead. */
  get hostsDown(): ReadonlySet<string> {
    return this.#doubles.hostsDown;
  }

  /** Resolves when nothing is under way any more; where something always is, a promise is broken. */
  async untilQuiet(): Promise<Violation[]> {
    const deadline = Date.now() + patienceMs;
    let quietSince = Date.now();
    while (Date.now() - quietSince < quietMs) {
      await sleep(systemClock, 50);
      const busy = await this.#whatIsUnderWay();
      if (busy.length > 0) quietSince = Date.now();
      if (Date.now() < deadline) continue;
      const message = `under way after ${patienceMs / 1000} s: ${busy.slice(0, 10).join(', ')}`;
      return [{ invariant: 'no instance is stuck', message }];
    }
    return [];
  }

  async remains(): Promise<Remains> {
    await this.#records.caughtUp();
    const [ports, leases, payloads, guests, casts] = await Promise.all([
      this.#values<Port>(buckets.port.name),
      this.#values<AddressLease>(buckets.address.name),
      this.#values(buckets.payload.name),
      this.#held(),
      this.#casts(),
    ]);
    const instances = this.#latest();
    return { instances, ports: [...ports.values()], leases, payloads: [...payloads.keys()], guests, casts };
  }

  close(): void {
    this.#records.close();
    this.#hosts.close();
  }

  async #whatIsUnderWay(): Promise<string[]> {
    const pending = this.history.asked.filter(({ outcome }) => outcome === 'pending').length;
    try {
      const casts = await this.#casts();
      await this.#records.caughtUp();
      const changing = this.#latest().filter(({ chart }) => chart.status === 'active');
      return [
        ...(pending > 0 ? [`${pending} requests`] : []),
        ...(casts > 0 ? [`${casts} casts`] : []),
        ...(this.#doubles.isAnyAway ? ['a host is away'] : []),
        ...changing.filter((instance) => !isAtRest(stateOf(instance))).map((one) => `${one.uuid} is ${stateOf(one)}`),
      ];
    } catch (error) {
      return [`the store does not answer: ${error}`];
    }
  }

  #latest(): Instance[] {
    return [...this.history.records.values()].map((versions) => versions.at(-1)?.record as Instance);
  }

  async #casts(): Promise<number> {
    return (await this.#bus.nats.manager.streams.info(streams.casts.name)).state.messages;
  }

  async #values<T>(bucket: string): Promise<Map<string, T>> {
    const stored = await this.#bus.openKeyValues(bucket, { history: 1 });
    const values = new Map<string, T>();
    for (const key of await stored.keys()) {
      const latest = await stored.latest(key);
      if (latest && !latest.isRemoval) values.set(key, JSON.parse(Buffer.from(latest.bytes).toString()) as T);
    }
    return values;
  }
}
