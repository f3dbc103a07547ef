/** Following the stream of facts on a real nats-server, also one that goes, and comes back with more or with less. */
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../transport/clock.ts';
import { facts } from '../../transport/messages/internal.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { ensureFactStream } from '../../transport/nats/fact.ts';
import { FactFollower } from '../../transport/nats/fact-follower.ts';
import type { OutageListener } from '../../transport/nats/outage.ts';
import { streams } from '../../transport/nats/subjects.ts';
import { eventually } from '../support/test-cloud.ts';
import { type FactStream, openFactStream } from './fact-stream.ts';

/** Nobody here waits ten seconds to look. */
const quickClock = { ...systemClock, after: (ms: number, then: () => void) => systemClock.after(ms / 20, then) };

let stream: FactStream;
let bus: Bus;
let tell: FactStream['tell'];

beforeEach(async () => {
  stream = await openFactStream();
  ({ bus, tell } = stream);
});

function follow(clock: Clock = quickClock, listener?: OutageListener): FactFollower {
  const follower = new FactFollower({ ...bus, clock }, listener);
  onTestFinished(() => follower.stop());
  return follower;
}

const until = (follower: FactFollower, latest: number) => eventually(() => follower.latest === latest || undefined);
const sequencesAfter = (follower: FactFollower, sequence: number) =>
  follower.after(sequence)?.map(({ sequence: each }) => each);

it('knows what was told before, and hears what follows', async () => {
  await tell(3);
  const follower = follow();
  await follower.caughtUp;
  expect(follower.isFollowing).toBe(true);
  const heard: number[] = [];
  const stop = follower.onFact(({ sequence }) => heard.push(sequence));
  await tell(2);
  await until(follower, 5);
  stop();
  await tell(1);
  await until(follower, 6);
  expect(heard).toEqual([1, 2, 3, 4, 5]);
  expect(follower.after(3)?.at(0)).toMatchObject({ sequence: 4, kind: 'instance', projectId: 'demo' });
});

it('gives what is after a place, and nothing where it does not know all of it', async () => {
  const follower = follow();
  await follower.caughtUp;
  expect(follower.after(0)).toEqual([]);
  // 8 MB are kept of 12.
  await tell(60, { reason: 'x'.repeat(200_000) });
  await until(follower, 60);
  expect(sequencesAfter(follower, 60)).toEqual([]);
  expect(sequencesAfter(follower, 58)).toEqual([59, 60]);
  expect(follower.after(61)).toBeUndefined();
  expect(follower.after(1)).toBeUndefined();
  const kept = Array.from({ length: 60 }, (_, index) => index).filter((sequence) => follower.after(sequence));
  expect(kept.length).toBeGreaterThan(35);
  expect(kept.length).toBeLessThan(45);
});

it('goes on where it was when the server comes back', async () => {
  await tell(2);
  const follower = follow();
  await follower.caughtUp;
  const { epoch } = follower;
  await stream.nats.kill();
  await stream.nats.startAgain();
  await eventually(() =>
    tell(1).then(
      () => true,
      () => undefined,
    ),
  );
  const { state } = await bus.nats.manager.streams.info(streams.facts.name);
  // Of what was told while there was no server more may come.
  await eventually(() => follower.latest >= state.last_seq || undefined);
  expect(follower.epoch).not.toBe(epoch);
  expect(sequencesAfter(follower, state.last_seq - 1)?.at(0)).toBe(state.last_seq);
});

it('begins anew when what it knew is no more', async () => {
  await tell(20);
  const follower = follow();
  await follower.caughtUp;
  await stream.lose();
  await tell(2);
  await until(follower, 2);
  expect(sequencesAfter(follower, 0)).toEqual([1, 2]);
  expect(follower.after(20)).toBeUndefined();
});

it.each([
  ['fewer', 2],
  ['as many', 5],
  ['more', 9],
])('begins anew when another stream stands in the place of the one that it knew, with %s facts', async (_, count) => {
  await tell(5);
  const follower = follow();
  await follower.caughtUp;
  await until(follower, 5);
  const { epoch } = follower;
  let gaps = 0;
  follower.onGap(() => {
    gaps += 1;
  });
  await bus.nats.manager.streams.delete(streams.facts.name);
  await ensureFactStream(bus.nats);
  await tell(count, { reason: 'made anew' });
  await eventually(() => gaps || undefined);
  await until(follower, count);
  expect(gaps).toBe(1);
  expect(follower.epoch).not.toBe(epoch);
  const heard = follower.after(0) ?? [];
  expect(heard.map(({ sequence }) => sequence)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  for (const { data } of heard) expect(facts.instance.body.decode(data).reason).toBe('made anew');
});

it('begins anew when its stream is gone for a while', async () => {
  await tell(3);
  const follower = follow();
  await follower.caughtUp;
  await bus.nats.manager.streams.delete(streams.facts.name);
  await eventually(() => !follower.isFollowing || undefined);
  await ensureFactStream(bus.nats);
  await tell(1);
  await until(follower, 1);
  expect(follower.isFollowing).toBe(true);
});

it('says once that its stream is gone, however often it is tried, and once that it is back', async () => {
  const told: unknown[] = [];
  let tries = 0;
  const clock: Clock = {
    ...quickClock,
    after(ms, then) {
      if (ms === 1_000) tries += 1;
      return quickClock.after(ms, then);
    },
  };
  const follower = follow(clock, {
    gone: ({ message }) => told.push(message),
    back: (awayMs) => told.push(awayMs),
  });
  await follower.caughtUp;
  await bus.nats.manager.streams.delete(streams.facts.name);
  await eventually(() => tries > 4 || undefined);
  expect(told).toEqual([expect.stringMatching(/stream/)]);
  await ensureFactStream(bus.nats);
  await eventually(() => follower.isFollowing || undefined);
  expect(told).toEqual([expect.any(String), expect.any(Number)]);
  expect(told[1]).toBeGreaterThanOrEqual(100);
});

it('is done when all that there was has been forgotten', async () => {
  await tell(5);
  await bus.nats.manager.streams.purge(streams.facts.name);
  const follower = follow();
  await follower.caughtUp;
  expect(follower.latest).toBe(5);
  expect(follower.after(4)).toBeUndefined();
  expect(follower.after(5)).toEqual([]);
});
