/** Two controllers make groups at the same time, and one of them is told late: of what was changed since, only as it is now. */
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { securityGroupWrites } from '../../actors/controller/security-groups.ts';
import type { ControllerWorld, OnWrite } from '../../actors/controller/writes.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { systemClock } from '../../transport/clock.ts';
import { api } from '../../transport/messages/api.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type { SecurityGroup } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import type { Watched } from '../../transport/nats/key-values.ts';
import { openView, type View } from '../../transport/nats/view.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';
import { failureOf } from '../transport/support.ts';

let runtimes: TestRuntimes;
beforeAll(async () => {
  runtimes = await startTestRuntimes();
});
afterAll(() => runtimes.stop());

it('a group that came first counts, also for who hears of it only when it has been changed', async () => {
  const [prompt, late] = await Promise.all([runtimes.connect(), runtimes.connect()]);
  const quotas = await prompt.store.bucket('quota');
  const unlimited = { instances: -1, vcpus: -1, memoryMb: -1, keyPairs: -1, serverGroups: -1 };
  await quotas.put('full', { ...unlimited, securityGroups: 1 });
  const bucket = await late.store.bucket('securityGroup');
  const { view, letGo } = await heldView(bucket);
  const first = await controller(prompt, await prompt.store.view('securityGroup'));
  const second = await controller(late, view);

  await first(api.securityGroup.create, { name: 'first' }, 'full');
  await first(api.securityGroup.create, { name: 'elsewhere' }, 'other');
  const refused = failureOf(second(api.securityGroup.create, { name: 'second' }, 'full'));
  await first(api.securityGroup.update, { securityGroup: 'first', description: 'changed' }, 'full');
  await letGo();
  expect(await refused).toMatchObject({ code: 'quota_exceeded', details: { limit: 1, used: 1 } });
  expect((await bucket.keys('*.*')).filter((key) => key.startsWith('full.'))).toHaveLength(1);
});

/** What asks a controller of its own, which goes by that view. */
async function controller({ store, clock, chance }: Runtime, view: View<SecurityGroup>) {
  const handlers = new Map<unknown, (body: unknown, request: unknown) => Promise<unknown>>();
  const on: OnWrite = (endpoint, handle) => void handlers.set(endpoint, handle as never);
  const own = {
    bucket: store.bucket.bind(store),
    view: async (kind: 'securityGroup' | 'quota') => (kind === 'securityGroup' ? view : store.view(kind)),
  };
  await securityGroupWrites(on, { store: own, clock, chance } as unknown as ControllerWorld);
  return (endpoint: unknown, body: unknown, projectId: string) => {
    const caller = { projectId, userId: 'user' } as unknown as Caller;
    return handlers.get(endpoint)?.(body, { caller, context: newContext() }) ?? Promise.reject(new Error('no handler'));
  };
}

/** A view that is told of nothing until it is let go, and then of what nothing has replaced. */
async function heldView(bucket: Bucket<SecurityGroup>) {
  const held = new Map<string, Watched>();
  let take = (version: Watched): unknown => held.set(version.key, version);
  let tell: (version: Watched) => void = () => undefined;
  const { stored } = bucket;
  const late: Bucket<SecurityGroup>['stored'] = {
    lastRevision: () => stored.lastRevision(),
    watch(taker, onEnd) {
      tell = taker;
      return stored.watch((version) => take(version), onEnd);
    },
  };
  const view = await openView({ ...bucket, stored: late }, systemClock);
  onTestFinished(() => view.close());
  async function letGo(): Promise<void> {
    const last = await stored.lastRevision();
    await expect.poll(() => [...held.values()].some(({ revision }) => revision === last)).toBe(true);
    take = tell;
    for (const version of [...held.values()].toSorted((a, b) => a.revision - b.revision)) tell(version);
  }
  return { view, letGo };
}
