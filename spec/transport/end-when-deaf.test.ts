/** Whether what is heard of a stream is what there is: looked at while more is heard, and when the stream is another. */
import { JetStreamApiError } from '@nats-io/jetstream';
import { expect, it } from 'vitest';
import { endWhenDeaf } from '../../transport/nats/end-when-deaf.ts';
import { HeldClock } from '../support/held-clock.ts';

const made = 'the first of May';

/** Who has heard five of a stream of five, and looks when told to. */
function follow() {
  const clock = new HeldClock(10_000);
  const stream = { made, last: 5 };
  const follower = { heard: 5, ends: 0 };
  let onAsked = (): void => undefined;
  const ask = async () => {
    const answer = { created: stream.made, state: { last_seq: stream.last } };
    onAsked();
    return answer;
  };
  endWhenDeaf(clock, { made, due: 5, heard: () => follower.heard, ask }, () => {
    follower.ends += 1;
  });
  return {
    stream,
    follower,
    /** Resolves when it has looked. */
    async look(meanwhile = () => {}) {
      onAsked = meanwhile;
      clock.endWaits();
      await expect.poll(() => clock.isHolding).toBe(true);
    },
  };
}

it('goes on when more is heard before the answer than the answer tells of', async () => {
  const { stream, follower, look } = follow();
  await look(() => {
    stream.last = 6;
    follower.heard = 6;
  });
  expect(follower.ends).toBe(0);
});

it('ends when there is less than was heard', async () => {
  const { stream, follower, look } = follow();
  stream.last = 4;
  await look();
  expect(follower.ends).toBe(1);
});

it('ends when another stands in its place, and when none does', async () => {
  const { stream, follower, look } = follow();
  stream.made = 'the second of May';
  await look();
  expect(follower.ends).toBe(1);
  await look(() => {
    throw new JetStreamApiError({ code: 404, err_code: 10_059, description: 'stream not found' });
  });
  expect(follower.ends).toBe(2);
});

it('ends when what was there at one look is not heard by the next', async () => {
  const { stream, follower, look } = follow();
  stream.last = 7;
  await look();
  expect(follower.ends).toBe(0);
  await look();
  expect(follower.ends).toBe(1);
});
