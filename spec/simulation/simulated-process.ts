/**
 * A process of a simulated world, as faults befall it: killed at once, paused and resumed, cut off from NATS, its clock
 * stepped. All that its parts hear of the world comes through `run`.
 */
import type { Clock } from '../../transport/clock.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** One end of a connection to the simulated nats-server. */
export interface Peer {
  readonly clock: Clock;
  readonly isAlive: boolean;
  /** Whether NATS hears it, and is heard by it. */
  readonly isLinked: boolean;
  run(callback: () => void): void;
  onLink(listener: () => void): () => void;
}

export class SimulatedProcess implements Peer {
  readonly name: string;
  readonly clock: Clock;
  readonly #time: SimulatedTime;
  #aheadMs: number;
  #isAlive = true;
  #isPaused = false;
  #isLinked = true;
  readonly #connections = new AbortController();
  /** What happens to it when it goes on. */
  #held: (() => void)[] = [];
  readonly #onLink = new Set<() => void>();

  constructor(name: string, time: SimulatedTime, aheadMs = 0) {
    this.name = name;
    this.#time = time;
    this.#aheadMs = aheadMs;
    this.clock = {
      now: () => time.now() + this.#aheadMs,
      after: (ms, callback) => time.after(ms, () => this.run(callback)),
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }
  /** Whether NATS hears it, and is heard by it. */
  get isLinked(): boolean {
    return this.#isAlive && this.#isLinked && !this.#isPaused;
  }

  /** Aborts when nothing that it has asked of others goes on any more. */
  get disconnected(): AbortSignal {
    return this.#connections.signal;
  }

  /** Something happens to it: now, or when it goes on; never, when it is dead. */
  run(callback: () => void): void {
    if (!this.#isAlive) return;
    if (this.#isPaused) this.#held.push(callback);
    else callback();
  }

  /** SIGKILL: what it was about to do it does not do. */
  kill(): void {
    this.#isAlive = false;
    this.#held = [];
  }

  /** The other ends of its connections find that it is dead. */
  disconnect(): void {
    this.#connections.abort();
  }

  /** SIGSTOP. */
  pause(): void {
    this.#isPaused = true;
  }

  /** SIGCONT: timers that are due fire, and what came meanwhile is taken. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    const held = this.#held;
    this.#held = [];
    for (const callback of held) this.#time.after(0, () => this.run(callback));
    this.#linked();
  }

  cutLink(): void {
    this.#isLinked = false;
  }

  mendLink(): void {
    this.#isLinked = true;
    this.#linked();
  }

  /** As an administrator, or NTP, sets a clock: no timer fires sooner or later by that. */
  stepClock(ms: number): void {
    this.#aheadMs += ms;
  }

  /** Called each time that NATS is there again. */
  onLink(listener: () => void): () => void {
    this.#onLink.add(listener);
    return () => this.#onLink.delete(listener);
  }

  #linked(): void {
    if (!this.isLinked) return;
    for (const listener of this.#onLink) this.#time.after(0, listener);
  }
}
