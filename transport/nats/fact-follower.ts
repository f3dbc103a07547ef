/**
 * Follows the stream of facts, all of them, with their places in it: one follower for a whole process, of which many may
 * hear. It keeps the latest, for who was away for a moment.
 *
 * Facts are given out as the bytes that they are: whoever needs more than whose they are reads them.
 */
import { type ConsumerMessages, DeliverPolicy, type StreamInfo } from '@nats-io/jetstream';
import type { QueuedIterator, Status } from 'nats';
import { sleep } from '../clock.ts';
import type { Bus } from './bus.ts';
import { endWhenDeaf } from './end-when-deaf.ts';
import { Outage, type OutageListener } from './outage.ts';
import { servedBy } from './served-by.ts';
import { answered } from './store-answer.ts';
import { type FactSubject, parseFact, streams } from './subjects.ts';

export type FollowedFact = FactSubject & {
  /** Its place in the stream: later ones have greater ones. */
  readonly sequence: number;
  readonly data: Uint8Array;
};

/** How many of the latest are kept, and what they may weigh (bytes). */
const mostKept = 10_000;
const mostKeptBytes = 8 * 1024 * 1024;
/** How long to wait before the stream is asked again that did not answer (ms). */
const askAgainMs = 1_000;

export class FactFollower {
  readonly #bus: Bus;
  readonly #outage: Outage;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(fact: FollowedFact) => void>();
  readonly #gapListeners = new Set<() => void>();
  readonly #caughtUp = Promise.withResolvers<void>();
  readonly #following: Promise<void>;
  readonly #status: QueuedIterator<Status>;
  #messages: ConsumerMessages | undefined;
  #kept: FollowedFact[] = [];
  /** Where in `#kept` the oldest is: what is dropped is taken away many at a time. */
  #oldest = 0;
  #keptBytes = 0;
  /** Of the last that is not kept any more, and of the last of all. */
  #dropped = 0;
  #latest = 0;
  /** What the stream held when it was opened. */
  #known = Number.POSITIVE_INFINITY;
  /** When the stream was made. */
  #made: string | undefined;
  /** Counts the times that the same server has given out places of the same stream again. */
  #putBack = 0;
  #isFollowing = false;

  /** `listener` is told when the stream is gone; it is tried to be followed again until this is stopped. */
  constructor(bus: Bus, listener?: OutageListener) {
    this.#bus = bus;
    this.#outage = new Outage(bus.clock, listener);
    this.#caughtUp.promise.catch(() => undefined);
    this.#following = this.#follow();
    this.#status = bus.nats.connection.status() as QueuedIterator<Status>;
    void this.#beginAnewWhenBack();
  }

  /** Resolves when the latest of what was captured before are kept. Rejects when it is stopped before. */
  get caughtUp(): Promise<void> {
    return this.#caughtUp.promise;
  }

  /** Whether it hears what happens now. */
  get isFollowing(): boolean {
    return this.#isFollowing && this.#latest >= this.#known;
  }

  /** Where sequences count: a server that was started anew may have lost the last facts, and give out their places again. */
  get epoch(): string {
    return [servedBy(this.#bus.nats.connection), this.#made, this.#putBack].join('.');
  }

  /** The place of the last fact that was heard. */
  get latest(): number {
    return this.#latest;
  }

  /** Calls back for each fact that is kept already, oldest first, and for each that follows; returns the function that ends it. */
  onFact(listener: (fact: FollowedFact) => void): () => void {
    for (const fact of this.#kept.slice(this.#oldest)) listener(fact);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls back when what follows does not go on from the last fact; returns the function that ends it. */
  onGap(listener: () => void): () => void {
    this.#gapListeners.add(listener);
    return () => void this.#gapListeners.delete(listener);
  }

  /** The facts after that place; nothing when not all of them are kept, or there is no such place. */
  after(sequence: number): FollowedFact[] | undefined {
    if (sequence < this.#dropped || sequence > this.#latest) return undefined;
    let first = this.#kept.length;
    while (first > this.#oldest && (this.#kept[first - 1]?.sequence ?? 0) > sequence) first -= 1;
    return this.#kept.slice(first);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#status.stop();
    this.#caughtUp.reject(new Error('it was stopped'));
    this.#messages?.stop();
    await this.#following;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#hear();
      } catch (error) {
        if (!signal.aborted) this.#outage.failed(error);
      }
      this.#isFollowing = false;
      await sleep(this.#bus.clock, askAgainMs, signal).catch(() => undefined);
    }
  }

  /** What the server was asked before the connection was lost it may know nothing of: it would tell nothing any more. */
  async #beginAnewWhenBack(): Promise<void> {
    for await (const { type } of this.#status) if (type === 'reconnect') this.#messages?.stop();
  }

  /** Resolves, or rejects, when nothing comes any more. */
  async #hear(): Promise<void> {
    const stream = await this.#askForStream();
    this.#open(stream);
    // Pushed: what is asked for in parts costs both sides half as much again.
    const consumer = await this.#bus.nats.jetstream.consumers.getPushConsumer(streams.facts.name, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.#latest + 1,
    });
    const messages = await consumer.consume();
    this.#messages = messages;
    if (this.#stopping.signal.aborted) messages.stop();
    this.#isFollowing = true;
    this.#outage.succeeded();
    this.#tellCaughtUp();
    const stopLooking = endWhenDeaf(
      this.#bus.clock,
      { made: stream.created, due: this.#known, heard: () => this.#latest, ask: () => this.#askForStream() },
      () => messages.stop(),
    );
    try {
      for await (const { seq, subject, data } of messages) {
        // It is a part of what came with it, all of which it would keep in memory.
        this.#take({ sequence: seq, ...parseFact(subject), data: Buffer.from(data) });
      }
    } finally {
      stopLooking();
    }
  }

  #askForStream(): Promise<StreamInfo> {
    return answered(this.#bus.nats.manager.streams.info(streams.facts.name));
  }

  #open({ created, state: { first_seq: first, last_seq: last } }: StreamInfo): void {
    const before = Math.max(first - 1, last - mostKept, 0);
    const isAnother = this.#made !== undefined && this.#made !== created;
    // What is there was put back to an earlier time, or does not go on where we were.
    const isPutBack = !isAnother && last < this.#latest;
    this.#made = created;
    this.#known = last;
    if (!isAnother && !isPutBack && before <= this.#latest) return;
    if (isPutBack) this.#putBack += 1;
    this.#kept = [];
    this.#oldest = 0;
    this.#keptBytes = 0;
    this.#latest = before;
    this.#dropped = before;
    for (const listener of this.#gapListeners) listener();
  }

  #take(fact: FollowedFact): void {
    this.#kept.push(fact);
    this.#keptBytes += fact.data.length;
    this.#latest = fact.sequence;
    while (this.#kept.length - this.#oldest > mostKept || this.#keptBytes > mostKeptBytes) this.#drop();
    if (this.#oldest > mostKept) {
      this.#kept.splice(0, this.#oldest);
      this.#oldest = 0;
    }
    for (const listener of this.#listeners) listener(fact);
    this.#tellCaughtUp();
  }

  #drop(): void {
    const { sequence = 0, data = '' } = this.#kept[this.#oldest] ?? {};
    this.#dropped = sequence;
    this.#keptBytes -= data.length;
    this.#oldest += 1;
  }

  #tellCaughtUp(): void {
    if (this.isFollowing) this.#caughtUp.resolve();
  }
}
