/** The lives of a process whose store is lost, or that is told to end, at an awkward moment. */
import { getEventListeners } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { Lives, type LivesOptions } from '../../actors/runtime/lives.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { type FailureError, fail } from '../../machines/failure.ts';
import { systemClock } from '../../transport/clock.ts';
import { eventually } from '../support/test-cloud.ts';

/** As much of a connection as lives have to do with; `lose` is what a store that went back does. */
class Connection {
  readonly #lost = Promise.withResolvers<FailureError>();
  isAbandoned = false;

  readonly runtime = {
    bus: {
      abandon: async () => {
        this.isAbandoned = true;
      },
      close: async () => undefined,
    },
    store: { lost: this.#lost.promise, close: async () => undefined },
  } as unknown as Runtime;

  lose(): void {
    this.#lost.resolve(fail('unavailable', 'the store is another', { disposition: 'retry' }));
  }
}

function live(options: Pick<LivesOptions, 'connect' | 'begin'> & Partial<LivesOptions>): Promise<Lives> {
  return Lives.start({ clock: systemClock, logger: createLogger('silent'), ...options });
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

it('stops while a later life waits for its server', async () => {
  const first = new Connection();
  const waiting = Promise.withResolvers<AbortSignal>();
  const lives = await live({
    async connect(isFirst, signal) {
      if (isFirst) return first.runtime;
      waiting.resolve(signal);
      return untilAborted(signal);
    },
    begin: async () => undefined,
  });
  first.lose();
  const signal = await waiting.promise;
  await lives.stop();
  expect(signal.aborted).toBe(true);
  await expect(lives.ended).resolves.toBeUndefined();
});

it('does not wait for what is still beginning when it is told to end, and stops what that adds later', async () => {
  const connection = new Connection();
  const end = new AbortController();
  const imageIsBuilt = Promise.withResolvers<void>();
  const hasBegun = Promise.withResolvers<void>();
  const stopped: string[] = [];
  const part = (name: string) => ({ stop: async () => void stopped.push(name) });
  const starting = live({
    signal: end.signal,
    connect: async () => connection.runtime,
    async begin({ add }) {
      add(part('early'));
      hasBegun.resolve();
      await imageIsBuilt.promise;
      add(part('late'));
    },
  });
  await hasBegun.promise;
  end.abort();
  await (await starting).ended;
  expect(stopped).toEqual(['early']);
  expect(connection.isAbandoned).toBe(true);
  imageIsBuilt.resolve();
  await eventually(() => stopped.includes('late') || undefined);
});

it('leaves nothing of an earlier life on the signal that ends it', async () => {
  const connections: Connection[] = [];
  const listeners: number[] = [];
  const lives = await live({
    async connect(_, signal) {
      listeners.push(getEventListeners(signal, 'abort').length);
      const connection = new Connection();
      connections.push(connection);
      return connection.runtime;
    },
    begin: async () => undefined,
  });
  onTestFinished(() => lives.stop());
  for (let life = 1; life <= 3; life++) {
    connections.at(-1)?.lose();
    await eventually(() => listeners.length > life || undefined);
  }
  expect(listeners).toEqual([0, 0, 0, 0]);
});
