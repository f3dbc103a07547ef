/** Groups that are made while another controller is told late of what was changed since, or is just deleting one. */
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { securityGroupWrites } from '../../actors/controller/security-groups.ts';
import type { ControllerWorld, OnWrite } from '../../actors/controller/writes.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { toFailure } from '../../machines/failure.ts';
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

it('a group counts until it is sure that it goes: none takes its place that then stays', async () => {
  const [one, other] = await Promise.all([runtimes.connect(), runtimes.connect()]);
  const quotas = await one.store.bucket('quota');
  const unlimited = { instances: -1, vcpus: -1, memoryMb: -1, keyPairs: -1, serverGroups: -1 };
  await quotas.put('single', { ...unlimited, securityGroups: 1 });
  const maker = await controller(one, await one.store.view('securityGroup'));
  const looks: unknown[] = [];
  /** An instance is admitted between the first look and the second, and a group is asked for. */
  const underWay = async () => {
    if (looks.push('look') === 1) return [];
    looks.push(await maker(api.securityGroup.create, { name: 'second' }, 'single').catch(toFailure));
    return ['an instance'];
  };
  const remover = await controller(other, await other.store.view('securityGroup'), { underWay });
  await maker(api.securityGroup.create, { name: 'first' }, 'single');

  const refused = failureOf(remover(api.securityGroup.delete, { securityGroup: 'first' }, 'single'));
  expect(await refused).toMatchObject({ code: 'conflict', disposition: 'retry' });
  const bucket = await one.store.bucket('securityGroup');
  expect(await bucket.keys('single.*')).toEqual(['single.first']);
  expect(looks.at(-1)).toMatchObject({ code: 'quota_exceeded' });
  expect((await bucket.get('single.first'))?.value).not.toHaveProperty('isGoing');
});

/** What asks a controller of its own, which goes by that view. */
async function controller({ store, clock, chance }: Runtime, view: View<SecurityGroup>, admissions?: object) {
  const handlers = new Map<unknown, (body: unknown, request: unknown) => Promise<unknown>>();
  const on: OnWrite = (endpoint, handle) => void handlers.set(endpoint, handle as never);
  const own = {
    bucket: store.bucket.bind(store),
    view: async (kind: 'securityGroup' | 'quota' | 'instance') => (kind === 'securityGroup' ? view : store.view(kind)),
  };
  await securityGroupWrites(on, { store: own, clock, chance, admissions } as unknown as ControllerWorld);
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
