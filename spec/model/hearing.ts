/** What the system has told of an instance, in order, beside what the specification wants it to tell. */
import { isDeepStrictEqual } from 'node:util';

const patienceMs = 15_000;

export class Hearing {
  readonly #told: object[] = [];
  readonly #wanted: object[] = [];
  #wake: () => void = () => undefined;

  tell(what: object): void {
    this.#told.push(what);
    this.#wake();
  }

  want(what: object): void {
    this.#wanted.push(what);
  }

  /** Resolves when everything was told of that is wanted; rejects at the first difference. */
  async complete(): Promise<void> {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const different = this.#told.findIndex((told, index) => {
        const wanted = this.#wanted[index];
        return wanted && !isDeepStrictEqual(told, wanted);
      });
      if (different >= 0) {
        const [told, wanted] = [this.#told[different], this.#wanted[different]].map((each) => JSON.stringify(each));
        throw new Error(`the system tells of ${told}, not ${wanted}`);
      }
      const missing = this.#wanted[this.#told.length];
      if (!missing) return;
      if (Date.now() > deadline) throw new Error(`the system does not tell of ${JSON.stringify(missing)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
