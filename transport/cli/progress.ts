/**
 * Shows an instance's transitions as they happen, with the time that each state took: on a terminal with a last line that
 * counts on, elsewhere as plain lines, of which one says when a state takes long.
 */
import type { WriteStream } from 'node:tty';
import type { InstanceFact } from '../nats/api-client.ts';
import { printable } from './client/format-value.ts';

interface Current {
  state: string;
  since: number;
}

/** After how long in a state it is shown where no line counts on (ms). */
const longMs = 5_000;

export class Progress {
  readonly #output: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY'>>;
  readonly #now: () => number;
  readonly #label: string | undefined;
  #current: Current | undefined;
  #blamed: string | undefined;
  #ticker: NodeJS.Timeout | undefined;

  /**
   * `label` says of which instance, where several are shown: then their lines come as they come, and none counts on.
   * `blamed` is what is known to have failed before.
   */
  constructor(
    output: NodeJS.WritableStream,
    {
      now = Date.now,
      label,
      blamed,
    }: { now?: () => number; label?: string | undefined; blamed?: string | undefined } = {},
  ) {
    this.#output = output;
    this.#now = now;
    this.#label = label;
    this.#blamed = blamed;
  }

  show({ type, from, to, at, host, failure }: InstanceFact): void {
    if (type !== 'transition') return;
    // The state that it was born in has no transition of its own.
    const state = this.#current?.state ?? from ?? to;
    if (this.#current) this.#line(state, at - this.#current.since);
    this.#blame(failure?.message);
    this.begin(to.startsWith('building') && host ? `${to} on ${host}` : to, at);
  }

  begin(state: string, at: number): void {
    this.#current = { state: printable(state), since: at };
    clearInterval(this.#ticker);
    this.#ticker = this.#isCounting
      ? setInterval(() => this.#tick(), 100)
      : setTimeout(() => this.#line(`${printable(state)} …`), longMs);
  }

  /** Ends with the state that was reached last. */
  end(): void {
    clearInterval(this.#ticker);
    this.#ticker = undefined;
    if (this.#current) this.#line(this.#current.state);
    this.#current = undefined;
  }

  #line(state: string, tookMs?: number): void {
    const took = tookMs === undefined ? '' : formatMs(tookMs);
    const label = this.#label === undefined ? '' : `${this.#label}: `;
    this.#output.write(`${this.#isCounting ? '\r\x1b[2K' : ''}  ${took.padStart(9)}  ${label}${state}\n`);
  }

  get #isCounting(): boolean {
    return this.#output.isTTY === true && this.#label === undefined;
  }

  /** Below the state that failed, once: the failure stays with the instance through all that is undone because of it. */
  #blame(message: string | undefined): void {
    if (message !== undefined && message !== this.#blamed) {
      for (const line of message.split('\n')) this.#line(`✗ ${printable(line)}`);
    }
    this.#blamed = message;
  }

  #tick(): void {
    if (!this.#current) return;
    this.#output.write(
      `\r\x1b[2K  ${formatMs(this.#now() - this.#current.since).padStart(9)}  ${this.#current.state} …`,
    );
  }
}

export function formatMs(ms: number): string {
  return Math.round(ms) < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
