/** Where all that run at a time wait for each other, so that something is done while none of them does anything. */
export class Rendezvous {
  readonly #act: () => Promise<void>;
  #members = 0;
  #waiting: PromiseWithResolvers<void>[] = [];
  #underWay: Promise<void> = Promise.resolve();

  constructor(act: () => Promise<void>) {
    this.#act = act;
  }

  async enter(): Promise<void> {
    await this.#underWay;
    this.#members += 1;
  }

  leave(): void {
    this.#members -= 1;
    this.#actWhenAllWait();
  }

  /** Resolves when it was done; rejects when that failed. */
  meet(): Promise<void> {
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    this.#actWhenAllWait();
    return waiting.promise;
  }

  #actWhenAllWait(): void {
    if (this.#waiting.length === 0 || this.#waiting.length < this.#members) return;
    const met = this.#waiting;
    this.#waiting = [];
    this.#underWay = this.#act().then(
      () =>
        met.forEach(({ resolve }) => {
          resolve();
        }),
      (error) =>
        met.forEach(({ reject }) => {
          reject(error);
        }),
    );
  }
}
