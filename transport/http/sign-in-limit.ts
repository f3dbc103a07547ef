/** How often somebody may try to sign in: a few times at once, and from then on every now and then. By address. */
import type { Clock } from '../clock.ts';
import { tooMany } from '../messages/too-many.ts';
import { neighbourhoodOf } from './neighbourhood.ts';

const mostAtOnce = 10;
/** After this time one more is allowed (ms). */
const oneMoreMs = 6_000;
/** How many addresses are remembered. */
const mostAddresses = 10_000;

export class SignInLimit {
  readonly #clock: Clock;
  /** When the last of the tries that count will be forgotten, by address. */
  readonly #forgottenAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a try. Throws `too_many_requests`. */
  count(address: string): void {
    const now = this.#clock.now();
    const key = neighbourhoodOf(address);
    const forgottenAt = Math.max(this.#forgottenAt.get(key) ?? 0, now) + oneMoreMs;
    const tooSoonMs = forgottenAt - now - mostAtOnce * oneMoreMs;
    if (tooSoonMs > 0) throw tooMany('there were too many tries to sign in', tooSoonMs);
    this.#remember(key, forgottenAt);
  }

  /** It was one who may, or nobody has looked, so that no guess was worth anything: the try does not count. */
  forgive(address: string): void {
    const key = neighbourhoodOf(address);
    const forgottenAt = this.#forgottenAt.get(key);
    if (forgottenAt !== undefined) this.#remember(key, forgottenAt - oneMoreMs);
  }

  /** The longest ago that was tried from is the first to be forgotten. */
  #remember(key: string, forgottenAt: number): void {
    this.#forgottenAt.delete(key);
    if (forgottenAt > this.#clock.now()) this.#forgottenAt.set(key, forgottenAt);
    const [oldest = ''] = this.#forgottenAt.size > mostAddresses ? this.#forgottenAt.keys() : [];
    this.#forgottenAt.delete(oldest);
  }
}
