/** Where all that run at a time wait for each other, so that something is done while none of them does anything. */
export class Rendezvous {
  readonly #act: () => Promise<void>;
  #members = 0;
  #waiting: PromiseWithResolvers<void>[] = [];
  #underWay: Promise<void> | undefined;

  constructor(act: () => Promise<void>) {
    this.#act = act;
  }

  async enter(): Promise<void> {
    while (this.#underWay) await this.#underWay;
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
    const acting = this.#act();
    const over = () => {
      this.#underWay = undefined;
      for (const { resolve } of met) resolve(acting);
    };
    this.#underWay = acting.then(over, over);
  }
}
