/**
 * A nats-server for the processes of a simulated world, who reach it by a network that loses and delays. It promises
 * what NATS promises and no more: a message may be lost on its way, an answer too; what a stream has acknowledged is
 * kept, in order, and given again until it is acknowledged.
 */
import { errors, headers } from 'nats';
import type { Bus, Envelope, Message, Subscription } from '../../transport/nats/bus.ts';
import type { KeyValues } from '../../transport/nats/key-values.ts';
import { answered } from '../../transport/nats/store-answer.ts';
import { isCast, matches } from '../../transport/nats/subjects.ts';
import type { Sabotage } from './sabotage.ts';
import type { SeededChance } from './seeded-chance.ts';
import { SimulatedBucket, type StoredVersion } from './simulated-bucket.ts';
import { SimulatedConnection } from './simulated-connection.ts';
import type { Peer, SimulatedProcess } from './simulated-process.ts';
import { SimulatedQueue } from './simulated-queue.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** How the network is. */
export interface Weather {
  /** Of each message that is not stored yet, in [0, 1]. */
  lossProbability: number;
  /** Of each message, in [0, 1]: it takes up to `delayMs`. */
  delayProbability: number;
  delayMs: number;
}

export const fairWeather: Weather = { lossProbability: 0, delayProbability: 0, delayMs: 0 };

/** What a message takes on its way when nothing is wrong, at most (ms). */
const usualMs = 2;

interface Subscriber {
  process: Peer;
  subject: string;
  queue: string | undefined;
  take: (message: Message) => void;
}

/** Told of what is stored and of what is told, as it happens: the world's own memory. */
export interface Witness {
  stored(bucket: string, version: StoredVersion): void;
  told(subject: string, data: Uint8Array): void;
  /** The store has lost the latest that was written under a key; `kept` is what it has now. */
  wentBack(bucket: string, key: string, kept: StoredVersion | undefined): void;
}

/** The prefix of the subjects of a bucket. */
const recordPrefix = '$KV.';
/** Of those of answers. */
const inboxPrefix = '_INBOX.';
const unmarked = headers();

export class SimulatedNats {
  readonly time: SimulatedTime;
  readonly #chance: SeededChance;
  readonly #witness: Witness;
  readonly #sabotage: Sabotage;
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  /** Of the subjects of those, what stands for several. */
  readonly #patterns = new Set<string>();
  readonly #buckets = new Map<string, SimulatedBucket>();
  readonly queue: SimulatedQueue;
  weather: Weather = fairWeather;
  /** What is sent without a server is kept by the client, and sent when there is one again. */
  readonly #outboxes = new Map<Peer, (() => void)[]>();
  readonly #connections = new Set<SimulatedConnection>();
  #isUp = true;
  #serverRun = 1;
  #inboxes = 0;

  constructor(time: SimulatedTime, chance: SeededChance, witness: Witness, sabotage: Sabotage) {
    this.time = time;
    this.#chance = chance;
    this.#witness = witness;
    this.#sabotage = sabotage;
    this.queue = new SimulatedQueue(this, sabotage);
  }

  bucket(name: string): SimulatedBucket {
    let bucket = this.#buckets.get(name);
    if (!bucket) {
      bucket = new SimulatedBucket(this, name, (version) => this.#witness.stored(name, version));
      this.#buckets.set(name, bucket);
    }
    return bucket;
  }

  get isUp(): boolean {
    return this.#isUp;
  }
  /** How often it was started. */
  get serverRun(): number {
    return this.#serverRun;
  }

  /** Whether the process and the server hear each other now. */
  reaches(process: Peer): boolean {
    return this.#isUp && process.isLinked;
  }

  /** The server is killed; what it has stored stays. */
  stop(): void {
    this.#isUp = false;
  }

  /** What is stored by now no kill of the server takes away. */
  flush(): void {
    for (const bucket of this.#buckets.values()) bucket.flush();
  }

  /** Each stream has lost its last writes, as a server that is killed may that acknowledges before it writes: up to so many. */
  loseWrites(most: number): void {
    const count = () => Math.floor(this.#chance.fraction() * (most + 1));
    this.queue.loseLast(count());
    for (const [name, bucket] of this.#buckets) {
      const keys = new Set(bucket.loseLast(count()).map(({ key }) => key));
      for (const key of keys) this.#witness.wentBack(name, key, bucket.latest(key));
    }
  }

  start(): void {
    this.#isUp = true;
    this.#serverRun += 1;
    for (const connection of this.#connections) {
      if (connection.isAlive) this.time.after(this.latency(), () => connection.look());
      else this.#connections.delete(connection);
    }
    for (const bucket of this.#buckets.values()) bucket.deliver();
    this.queue.deliver();
    for (const process of this.#outboxes.keys()) this.#flush(process);
  }

  /** How long a message takes (ms). */
  latency(): number {
    const { delayProbability, delayMs } = this.weather;
    const late = this.happens(delayProbability) ? delayMs : usualMs;
    return this.#chance.fraction() * late;
  }

  happens(probability: number): boolean {
    return probability > 0 && this.#chance.happens(probability);
  }

  /** One of them. */
  pick<T>(from: readonly T[]): T {
    return this.#chance.pick(from);
  }

  /** `endsWithServer`: as of a real bus. */
  connect(process: SimulatedProcess, { endsWithServer = false } = {}): Bus {
    const connection = new SimulatedConnection(process, this, endsWithServer);
    this.#connections.add(connection);
    return this.#busOf(connection);
  }

  #busOf(process: SimulatedConnection): Bus {
    const request: Bus['request'] = (subject, payload, { timeoutMs, headers: carried }) => {
      const inbox = this.#newInbox();
      const asked = Promise.withResolvers<Message>();
      const subscription = this.#subscribe(process, inbox, (message) => {
        if (message.headers?.code === 503) asked.reject(new errors.NoRespondersError(subject));
        else asked.resolve(message);
      });
      const cancelDeadline = process.clock.after(timeoutMs, () => asked.reject(new errors.TimeoutError()));
      const stopListening = process.onClose(() => asked.reject(new errors.ClosedConnectionError()));
      this.#send(process, subject, payload, { headers: carried, reply: inbox });
      return asked.promise.finally(() => {
        cancelDeadline();
        stopListening();
        subscription.unsubscribe();
      });
    };
    return {
      clock: process.clock,
      servedBy: process.servedBy,
      send: (subject, payload, envelope) => this.#send(process, subject, payload, envelope),
      request,
      subscribe: (subject, take, options) => this.#subscribe(process, subject, take, options?.queue),
      newInbox: () => this.#newInbox(),
      openKeyValues: (name, { history }) =>
        this.#ask(process, () => {
          const bucket = this.bucket(name);
          bucket.history = history;
          return this.#openKeyValues(process, bucket);
        }),
      storeUse: async () => ({ usedBytes: 0 }),
      consume: (options, take) => this.#ask(process, () => this.queue.consume(process, options, take)),
      forgetCasts: ({ subject }) => this.#ask(process, () => this.queue.forget(subject)),
      get nats(): never {
        throw new TypeError('there is no NATS in a simulated world');
      },
      ended: process.ended,
      close: async () => process.close(),
      abandon: async () => process.close(),
    };
  }

  /** A question to the server itself, which may get lost, as its answer may. */
  #ask<T>(process: SimulatedConnection, work: () => T): Promise<T> {
    const asked = Promise.withResolvers<T>();
    const cancelDeadline = process.clock.after(5_000, () => asked.reject(new errors.TimeoutError()));
    const stopListening = process.onClose(() => asked.reject(new errors.ClosedConnectionError()));
    this.send(process, () => {
      const result = work();
      this.bring(process, () => process.run(() => asked.resolve(result)));
    });
    return asked.promise.finally(() => {
      cancelDeadline();
      stopListening();
    });
  }

  #openKeyValues(process: SimulatedConnection, bucket: SimulatedBucket): KeyValues {
    return {
      latest: (key) => answered(this.#ask(process, () => bucket.latest(key))),
      at: (key, revision) => answered(this.#ask(process, () => bucket.at(key, revision))),
      lastRevision: () => answered(this.#ask(process, () => bucket.lastRevision)),
      keys: (filter) => answered(this.#ask(process, () => bucket.keys(filter))),
      watch: (take) => answered(this.#ask(process, () => bucket.watch(process, take))),
    };
  }

  #newInbox(): string {
    return `${inboxPrefix}${++this.#inboxes}`;
  }

  #subscribe(process: Peer, subject: string, take: (message: Message) => void, queue?: string): Subscription {
    const subscriber: Subscriber = { process, subject, queue, take };
    const subscribers = this.#subscribers.get(subject) ?? new Set();
    subscribers.add(subscriber);
    this.#subscribers.set(subject, subscribers);
    if (subject.includes('*')) this.#patterns.add(subject);
    const unsubscribe = () => {
      subscribers.delete(subscriber);
      if (subscribers.size === 0 && this.#subscribers.get(subject) === subscribers) this.#subscribers.delete(subject);
    };
    return { unsubscribe, drain: async () => unsubscribe() };
  }

  #send(process: Peer, subject: string, payload: string | Uint8Array, { headers, reply, isPerishable }: Envelope = {}) {
    if (isPerishable && !this.reaches(process)) return;
    const data = typeof payload === 'string' ? Buffer.from(payload) : payload;
    this.queue.answered(subject);
    this.send(process, () => this.#receive({ subject, data, headers, reply }));
  }

  /** To the server, unless it is lost on the way; later, when the server cannot be reached now. */
  send(process: Peer, arrive: () => void): void {
    if (!this.reaches(process)) this.#keep(process, arrive);
    else if (!this.happens(this.weather.lossProbability)) this.#carry(arrive);
  }

  /** To a process, unless it is lost on the way. */
  bring(process: Peer, arrive: () => void): void {
    if (this.reaches(process) && !this.happens(this.weather.lossProbability)) this.#carry(arrive);
  }

  /** What is on its way when the server is killed is on its way to nobody. */
  #carry(arrive: () => void): void {
    const run = this.#serverRun;
    this.time.after(this.latency(), () => {
      if (this.#isUp && run === this.#serverRun) arrive();
    });
  }

  #keep(process: Peer, arrive: () => void): void {
    if (!process.isAlive) return;
    let outbox = this.#outboxes.get(process);
    if (!outbox) {
      outbox = [];
      this.#outboxes.set(process, outbox);
      process.onLink(() => this.#flush(process));
    }
    outbox.push(arrive);
  }

  #flush(process: Peer): void {
    const outbox = this.#outboxes.get(process);
    if (!outbox || !this.reaches(process)) return;
    for (const arrive of outbox.splice(0)) this.send(process, arrive);
  }

  /** What has arrived at the server. */
  #receive(sent: Message): void {
    const message = this.#sabotage.carry?.(sent, this) ?? sent;
    const { subject, data, reply } = message;
    const answer = this.#store(message);
    if (answer) {
      if (reply !== undefined) this.#receive({ subject: reply, data: Buffer.from(JSON.stringify(answer)) });
      return;
    }
    if (subject.startsWith('cloud.fact.')) this.#witness.told(subject, data);
    const subscribers = this.#subscribersOf(subject);
    if (subscribers.length === 0) {
      if (reply !== undefined)
        this.#receive({ subject: reply, data: new Uint8Array(), headers: headers(503, 'No Responders') });
      return;
    }
    const queues = Map.groupBy(subscribers, ({ queue }) => queue);
    for (const [queue, members] of queues) {
      for (const member of queue === undefined ? members : [this.pick(members)]) {
        this.bring(member.process, () => member.process.run(() => member.take(message)));
      }
    }
  }

  #subscribersOf(subject: string): Subscriber[] {
    // Answers are for who has asked: nobody hears them by a pattern.
    const patterns = subject.startsWith(inboxPrefix) ? [] : this.#patterns;
    const subscribers = [...(this.#subscribers.get(subject) ?? [])];
    for (const pattern of patterns) {
      if (matches(subject, pattern)) subscribers.push(...(this.#subscribers.get(pattern) ?? []));
    }
    return subscribers.filter(({ process }) => process.isAlive);
  }

  /** What a stream says to a message that it keeps. */
  #store({ subject, data, headers: carried }: Message): object | undefined {
    if (subject.startsWith(recordPrefix)) {
      const end = subject.indexOf('.', recordPrefix.length);
      const name = subject.slice(recordPrefix.length, end);
      const bucket = this.bucket(name);
      const { unfencedBuckets, forgetfulBuckets } = this.#sabotage;
      if (forgetfulBuckets?.includes(name) && this.happens(1 / 50)) return { seq: bucket.lastRevision + 1 };
      return bucket.write(subject.slice(end + 1), data, carried ?? unmarked, !unfencedBuckets?.includes(name));
    }
    if (isCast(subject)) return this.queue.add({ subject, data, headers: carried });
    return undefined;
  }
}
