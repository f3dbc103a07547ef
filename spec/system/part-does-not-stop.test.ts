/** A cloud of which one part cannot be stopped in order: the others are, all the same. */
import { expect, it, onTestFinished } from 'vitest';
import { startCloud } from '../../actors/cloud/cloud.ts';
import { fail } from '../../machines/failure.ts';
import { startTestRuntimes } from '../support/runtimes.ts';

it('stops the parts behind one that cannot be stopped', async () => {
  const runtimes = await startTestRuntimes();
  onTestFinished(() => runtimes.stop());
  const runtime = await runtimes.connect();
  const { bus } = runtime;
  let subscriptions = 0;
  const cloud = await startCloud(
    {
      ...runtime,
      bus: {
        ...bus,
        subscribe(...given) {
          const subscription = bus.subscribe(...given);
          subscriptions += 1;
          return {
            ...subscription,
            async drain() {
              await subscription.drain();
              subscriptions -= 1;
            },
          };
        },
        // Of these parts only the scheduler, which is stopped before the network controller, takes casts.
        async consume(...given) {
          const consumer = await bus.consume(...given);
          return {
            async stop() {
              await consumer.stop();
              throw fail('unavailable', 'the work queue does not answer', { disposition: 'retry' });
            },
          };
        },
      },
    },
    { roles: ['network', 'scheduler'] },
  );
  expect(subscriptions).toBeGreaterThan(0);
  await cloud.stop();
  expect(subscriptions).toBe(0);
});
