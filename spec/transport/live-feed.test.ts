/** Giving out facts that a real nats-server tells, and forgets. */
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../transport/clock.ts';
import { LiveFeed } from '../../transport/http/live-feed.ts';
import type { LiveFrame } from '../../transport/messages/web.ts';
import { ensureFactStream } from '../../transport/nats/fact.ts';
import { FactFollower } from '../../transport/nats/fact-follower.ts';
import { streams } from '../../transport/nats/subjects.ts';
import { eventually } from '../support/test-cloud.ts';
import { openFactStream } from './fact-stream.ts';

async function listen() {
  const stream = await openFactStream();
  const follower = new FactFollower(stream.bus);
  onTestFinished(() => follower.stop());
  const feed = new LiveFeed(follower, systemClock);
  onTestFinished(() => feed.stop());
  await follower.caughtUp;
  await stream.tell(5);
  await eventually(() => follower.latest === 5 || undefined);
  const frames: LiveFrame[] = [];
  feed.join({ projectId: 'demo', send: (frame) => void frames.push(JSON.parse(String(frame))) });
  const { epoch } = follower;
  expect(frames).toEqual([{ type: 'hello', epoch, sequence: 5 }]);
  return { ...stream, follower, frames, epoch };
}

/** What came after the first hello, until a fact was heard again. */
async function heardAnew(frames: readonly LiveFrame[]): Promise<LiveFrame[]> {
  await eventually(() => frames.at(-1)?.type === 'facts' || undefined);
  return frames.slice(1);
}

it('tells those who are connected when the store comes back with less, and where its places count', async () => {
  const { lose, follower, frames, tell, epoch } = await listen();
  await lose();
  await eventually(() => (follower.isFollowing && follower.latest === 0) || undefined);
  await tell(1);
  const [hello, reset, told] = await heardAnew(frames);
  expect(hello).toEqual({ type: 'hello', epoch: follower.epoch, sequence: 0 });
  expect(follower.epoch).not.toBe(epoch);
  expect(reset).toEqual({ type: 'reset' });
  expect(told).toMatchObject({ entries: [{ sequence: 1 }] });
});

it('tells of another epoch when the same server gives out places again', async () => {
  const { bus, follower, frames, tell, epoch } = await listen();
  await bus.nats.manager.streams.delete(streams.facts.name);
  await ensureFactStream(bus.nats);
  await bus.nats.connection.reconnect();
  await eventually(() => (follower.isFollowing && follower.latest === 0) || undefined);
  await tell(1);
  const [hello, reset] = await heardAnew(frames);
  expect(hello).toEqual({ type: 'hello', epoch: follower.epoch, sequence: 0 });
  expect(follower.epoch).not.toBe(epoch);
  expect(reset).toEqual({ type: 'reset' });
});
