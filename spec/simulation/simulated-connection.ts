/**
 * A connection of a process to the simulated nats-server. It is made to one run of that server, and, where that matters,
 * ends when it finds that another one answers: a process may have several, one after the other.
 */
import { type FailureError, fail } from '../../machines/failure.ts';
import type { Clock } from '../../transport/clock.ts';
import type { SimulatedNats } from './simulated-nats.ts';
import type { Peer, SimulatedProcess } from './simulated-process.ts';

export class SimulatedConnection implements Peer {
  readonly clock: Clock;
  readonly #process: SimulatedProcess;
  readonly #nats: SimulatedNats;
  readonly #serverRun: number;
  readonly #endsWithServer: boolean;
  readonly #ended = Promise.withResolvers<FailureError>();
  /** What is told to those who wait for something that will not come any more. */
  readonly #onClose = new Set<() => void>();
  #isClosed = false;

  constructor(process: SimulatedProcess, nats: SimulatedNats, endsWithServer: boolean) {
    this.clock = process.clock;
    this.#process = process;
    this.#nats = nats;
    this.#serverRun = nats.serverRun;
    this.#endsWithServer = endsWithServer;
    this.onLink(() => this.look());
  }

  get ended(): Promise<FailureError> {
    return this.#ended.promise;
  }
  get servedBy(): string {
    return `run ${this.#serverRun}`;
  }
  get isAlive(): boolean {
    return this.#process.isAlive && !this.#isClosed;
  }
  get isLinked(): boolean {
    return this.isAlive && this.#process.isLinked && !this.#isToEnd;
  }

  get #isToEnd(): boolean {
    return this.#endsWithServer && this.#serverRun !== this.#nats.serverRun;
  }

  run(callback: () => void): void {
    this.#process.run(() => {
      if (!this.#isClosed) callback();
    });
  }

  onLink(listener: () => void): () => void {
    return this.#process.onLink(listener);
  }

  /** The process hears the server: is it still the one that it knows? */
  look(): void {
    if (!this.#isToEnd || !this.#process.isLinked || !this.#nats.isUp) return;
    this.run(() => {
      this.close();
      this.#ended.resolve(fail('unavailable', 'the NATS server was started anew', { disposition: 'retry' }));
    });
  }

  /** Calls back when it is closed: at once, when it is. Returns the function that takes the listener away. */
  onClose(listener: () => void): () => void {
    if (this.#isClosed) listener();
    else this.#onClose.add(listener);
    return () => this.#onClose.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    for (const listener of this.#onClose) listener();
    this.#onClose.clear();
  }
}
