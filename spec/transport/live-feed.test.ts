/** Giving out facts that a real nats-server tells, and forgets. */
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../transport/clock.ts';
import { LiveFeed } from '../../transport/http/live-feed.ts';
import { facts, type InstanceFact } from '../../transport/messages/internal.ts';
import type { LiveFrame } from '../../transport/messages/web.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { ensureFactStream, publishFact } from '../../transport/nats/fact.ts';
import { FactFollower } from '../../transport/nats/fact-follower.ts';
import { streams, subjects } from '../../transport/nats/subjects.ts';
import { readGolden } from '../messages/golden.ts';
import { startTestNats } from '../support/nats.ts';
import { eventually } from '../support/test-cloud.ts';

const golden = readGolden('facts.instance.body') as InstanceFact;

async function listen() {
  const nats = await startTestNats();
  onTestFinished(() => nats.stop());
  const bus = await connectBus({ url: nats.url, name: 'test' });
  onTestFinished(() => bus.close());
  await ensureFactStream(bus.nats);
  const follower = new FactFollower(bus, () => undefined);
  onTestFinished(() => follower.stop());
  const feed = new LiveFeed(follower, systemClock);
  onTestFinished(() => feed.stop());
  const tell = () => publishFact(bus, subjects.instanceFact('demo', golden.uuid), facts.instance, golden);
  await follower.caughtUp;
  for (let told = 0; told < 5; told++) tell();
  await eventually(() => follower.latest === 5 || undefined);
  const frames: LiveFrame[] = [];
  feed.join({ projectId: 'demo', send: (frame) => void frames.push(JSON.parse(String(frame))) });
  const { epoch } = follower;
  expect(frames).toEqual([{ type: 'hello', epoch, sequence: 5 }]);
  return { nats, bus, follower, frames, tell, epoch };
}

/** What came after the first hello, until a fact was heard again. */
async function heardAnew(frames: readonly LiveFrame[]): Promise<LiveFrame[]> {
  await eventually(() => frames.at(-1)?.type === 'facts' || undefined);
  return frames.slice(1);
}

it('tells those who are connected when the store comes back with less, and where its places count', async () => {
  const { nats, bus, follower, frames, tell, epoch } = await listen();
  await nats.kill();
  await nats.loseState();
  await nats.startAgain();
  await eventually(() =>
    ensureFactStream(bus.nats).then(
      () => true,
      () => undefined,
    ),
  );
  await eventually(() => (follower.isFollowing && follower.latest === 0) || undefined);
  tell();
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
  tell();
  const [hello, reset] = await heardAnew(frames);
  expect(hello).toEqual({ type: 'hello', epoch: follower.epoch, sequence: 0 });
  expect(follower.epoch).not.toBe(epoch);
  expect(reset).toEqual({ type: 'reset' });
});
