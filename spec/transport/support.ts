/** A nats-server and connections to it, owned by one test file or one test. */
import { onTestFinished } from 'vitest';
import { type Failure, FailureError } from '../../machines/failure.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';

export async function openBus(url: string): Promise<Bus> {
  const bus = await connectBus({ url, name: 'test' });
  onTestFinished(() => bus.close());
  return bus;
}

/** The failure that the promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
  throw new Error('it did not fail');
}

/** Collects what comes, so that a test can wait for the next. */
export class Inbox<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();

  take(item: T): void {
    this.all.push(item);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Resolves when there are `count`. Bounded by the test's own timeout. */
  async reach(count: number): Promise<T[]> {
    while (this.all.length < count) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    return this.all;
  }
}
