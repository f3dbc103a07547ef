/** What asks the store how far it is by now, when the store answers late, or never. */
import { setImmediate } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { systemClock } from '../../transport/clock.ts';
import { WatchProgress } from '../../transport/nats/watch-progress.ts';
import { failureOf } from './support.ts';

it('is kept by no answer that is lost on the way, nor are those that ask after it', async () => {
  let asked = 0;
  const lastRevision = () => (++asked === 1 ? new Promise<number>(() => undefined) : Promise.resolve(0));
  const progress = new WatchProgress({ name: 'lossy', lastRevision }, systemClock);
  const first = progress.caughtUp(4_000);
  await Promise.resolve();
  await Promise.all([first, progress.caughtUp(4_000), progress.passed(4_000)]);
  expect(asked).toBe(3);
});

it('begins nothing for who waits no longer: asks nothing, and keeps nothing', async () => {
  const answer = Promise.withResolvers<number>();
  const lastRevision = vi.fn(() => answer.promise);
  const progress = new WatchProgress({ name: 'late', lastRevision }, systemClock);
  const kept = vi.spyOn(Set.prototype, 'add');
  try {
    expect(await failureOf(progress.caughtUp(10))).toMatchObject({ code: 'timeout' });
    answer.resolve(7);
    await setImmediate();
    expect(kept.mock.calls.filter(([each]) => each?.revision === 7)).toEqual([]);
  } finally {
    kept.mockRestore();
  }
  const { length } = lastRevision.mock.calls;
  // A gap, and a revision that comes too late for who waits for it.
  progress.comeTo(5);
  expect(await failureOf(progress.reached(9, 10))).toMatchObject({ code: 'timeout' });
  progress.comeTo(9);
  await setImmediate();
  expect(lastRevision).toHaveBeenCalledTimes(length);
});
