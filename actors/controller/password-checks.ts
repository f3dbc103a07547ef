/**
 * Passwords, checked one at a time, so that guessing takes neither the processors nor the threads that everything else
 * needs, nor the turn of a new password to be stored; a fair share for each who asks; and for each user so many wrong ones a
 * minute. This is in the memory of one controller: where there are several, each lets that many pass. Who guesses on purpose
 * keeps the user from signing in with a password; tokens go on.
 */
import type { Chance, Clock } from '../../transport/clock.ts';
import type { StoredPassword } from '../../transport/messages/records.ts';
import { tooMany } from '../../transport/messages/too-many.ts';
import { isPassword, type ScryptCost, storedPassword } from '../identity/passwords.ts';
import { FairQueue } from '../process/fair-queue.ts';

/** How many may wait for each: the last of them is answered before its client has given up. */
const maxWaiting = 16;
/** In which some of them have had their turn (ms). */
const turnsTakeMs = 1_000;
const maxFailures = 5;
const failuresLastMs = 60_000;

export class PasswordChecks {
  readonly #clock: Clock;
  readonly #chance: Chance;
  readonly #cost: ScryptCost | undefined;
  readonly #checking = new FairQueue(maxWaiting, () => tooMany('too many wait to check a password', turnsTakeMs));
  readonly #storing = new FairQueue(maxWaiting, () => tooMany('too many wait to store a password', turnsTakeMs));
  /** When passwords were wrong, by whose they should have been; the latest last. */
  readonly #failures = new Map<string, number[]>();

  /** `cost` is that of new passwords, where it is not the usual one. */
  constructor({ clock, chance }: { clock: Clock; chance: Chance }, cost?: ScryptCost) {
    this.#clock = clock;
    this.#chance = chance;
    this.#cost = cost;
  }

  /** What is stored of a new password. Rejects with `too_many_requests`. */
  store(asker: readonly string[], password: string): Promise<StoredPassword> {
    return this.#storing.run(asker, () => storedPassword(password, this.#chance, this.#cost));
  }

  /**
   * Whether it is the password of `whose`, who may be nobody: then it takes as long, and counts as much. Rejects with
   * `too_many_requests` when there were too many wrong ones, or too many ask.
   */
  check(
    asker: readonly string[],
    { whose, password, stored }: { whose: string; password: string; stored: StoredPassword | undefined },
  ): Promise<boolean> {
    return this.#checking.run(asker, async () => {
      this.#refuseTooMany(whose);
      const isRight = await isPassword(password, stored, this.#cost);
      if (isRight) this.#failures.delete(whose);
      else this.#remember(whose);
      return isRight;
    });
  }

  #refuseTooMany(whose: string): void {
    const since = this.#clock.now() - failuresLastMs;
    for (const [each, times] of this.#failures) if ((times.at(-1) ?? 0) <= since) this.#failures.delete(each);
    const recent = this.#failures.get(whose)?.filter((time) => time > since) ?? [];
    const oldest = recent.at(-maxFailures);
    if (oldest === undefined) return;
    throw tooMany('there were too many wrong passwords', oldest - since);
  }

  #remember(whose: string): void {
    const before = this.#failures.get(whose) ?? [];
    this.#failures.set(whose, [...before.slice(1 - maxFailures), this.#clock.now()]);
  }
}
