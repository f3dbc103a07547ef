import { beforeEach, expect, it } from 'vitest';
import { Liveness } from '../../actors/runtime/liveness.ts';
import type { Clock } from '../../transport/clock.ts';
import type { Host } from '../../transport/messages/records.ts';
import type { Change, View } from '../../transport/nats/view.ts';
import { newHost } from '../support/records.ts';

const pulse = { beatEveryMs: 5_000, deadAfterMs: 15_000 };
const noon = 1_800_000_000_000;

/** A clock of which the timers are let run by hand, whatever time it tells. */
class SteppedClock implements Clock {
  time = noon;
  #next: (() => void) | undefined;
  now = () => this.time;
  after(_ms: number, callback: () => void): () => void {
    this.#next = callback;
    return () => undefined;
  }
  /** The timer that is set runs out: once, however long it has been. */
  async pass(times = 1): Promise<void> {
    for (let count = 0; count < times; count++) {
      this.#next?.();
      // What is begun by it asks the view, and goes on.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

let clock: SteppedClock;
let hosts: Map<string, Host>;
let change: (change: Change<Host>) => void;
let isStoreAway: boolean;

const view = {
  get: (key: string) => hosts.get(key),
  entries: () => [...hosts].map(([key, value]) => ({ key, value, revision: 1, born: 1 })),
  onChange(listener: typeof change) {
    change = listener;
    return () => undefined;
  },
  async passed() {
    if (isStoreAway) throw new Error('the store is away');
  },
} as unknown as View<Host>;

function beat(name: string, heartbeatAt: number): void {
  const host = newHost(name, { heartbeatAt });
  hosts.set(name, host);
  change({ key: name, revision: 2, before: undefined, after: host });
}

beforeEach(() => {
  clock = new SteppedClock();
  isStoreAway = false;
  hosts = new Map([
    ['young', newHost('young', { heartbeatAt: noon - 1_000 })],
    ['old', newHost('old', { heartbeatAt: noon - 3_600_000 })],
  ]);
});

const open = () => new Liveness(view, clock, pulse);

it('a host is silent when it was not heard during all looks, and alive again at its next beat', async () => {
  const liveness = open();
  await clock.pass(5);
  expect([liveness.isAlive('young'), liveness.isSilent('young')]).toEqual([true, false]);
  await clock.pass();
  expect([liveness.isAlive('young'), liveness.isSilent('young')]).toEqual([false, true]);
  beat('young', noon);
  expect([liveness.isAlive('young'), liveness.isSilent('young')]).toEqual([true, false]);
});

it('a host of which a process finds only an old beat is not known alive, but not held for dead either', () => {
  const liveness = open();
  expect([liveness.isAlive('old'), liveness.isSilent('old')]).toEqual([false, false]);
  expect(liveness.statusOf('old')).toBe('unknown');
});

it('a host with a clock that is hours off is heard as any other', async () => {
  const liveness = open();
  for (let count = 0; count < 20; count++) {
    beat('old', noon - 7_200_000 + count);
    await clock.pass();
    expect([liveness.isAlive('old'), liveness.isSilent('old')]).toEqual([true, false]);
  }
});

it('no step of its own clock, forth or back, and no pause of its own makes a host dead', async () => {
  const liveness = open();
  for (const time of [noon + 86_400_000, noon - 86_400_000]) {
    clock.time = time;
    await clock.pass();
    expect([liveness.isAlive('young'), liveness.isSilent('young')]).toEqual([true, false]);
  }
});

it('while the store cannot be asked nobody is held for dead, and afterwards each has the whole time again', async () => {
  const liveness = open();
  await clock.pass(4);
  isStoreAway = true;
  await clock.pass(50);
  expect([liveness.isAlive('young'), liveness.isSilent('young')]).toEqual([true, false]);
  isStoreAway = false;
  await clock.pass(5);
  expect([liveness.isAlive('young'), liveness.isSilent('young')]).toEqual([true, false]);
  await clock.pass();
  expect(liveness.isSilent('young')).toBe(true);
});

it('a record that others change is no beat', async () => {
  const liveness = open();
  await clock.pass(6);
  const known = hosts.get('young');
  if (!known) throw new Error('there is no such host');
  const down = { ...known, down: { since: noon } };
  hosts.set('young', down);
  change({ key: 'young', revision: 3, before: known, after: down });
  expect([liveness.isAlive('young'), liveness.statusOf('young')]).toEqual([false, 'down']);
});
