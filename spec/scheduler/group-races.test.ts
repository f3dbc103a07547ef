/** Several schedulers at once: what a server group is promised holds whichever of them places its instances. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startScheduler } from '../../actors/scheduler/scheduler.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud({ hosts: ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ name })) });
  for (let count = 0; count < 3; count++) await startScheduler(await cloud.connect());
  await cloud.client.ask(api.quota.set, {
    projectId: 'admin',
    instances: -1,
    vcpus: -1,
    memoryMb: -1,
    serverGroups: -1,
  });
});
afterAll(() => cloud.stop());

async function launchAtOnce(policy: 'affinity' | 'anti-affinity', count: number): Promise<InstanceView[]> {
  const { serverGroup } = await cloud.client.ask(api.serverGroup.create, { name: policy, policy });
  const hints = { group: serverGroup.id };
  const created = await Promise.all(Array.from({ length: count }, () => cloud.create({ hints })));
  return Promise.all(created.map(({ uuid }) => cloud.until(uuid, ({ vmState }) => vmState !== 'building')));
}

describe('instances of a server group that are launched at once', () => {
  it('are all on hosts of their own, and none more than there are hosts', async () => {
    for (let round = 0; round < 3; round++) {
      const instances = await launchAtOnce('anti-affinity', 8);
      const running = instances.filter(({ vmState }) => vmState === 'active');
      expect(running.map(({ host }) => host).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
      for (const { vmState, fault } of instances) if (vmState === 'error') expect(fault?.code).toBe('no_valid_host');
    }
  });

  it('are all on one host', async () => {
    for (let round = 0; round < 3; round++) {
      const instances = await launchAtOnce('affinity', 8);
      expect(instances.map(({ vmState }) => vmState)).toEqual(instances.map(() => 'active'));
      expect(new Set(instances.map(({ host }) => host)).size).toBe(1);
    }
  });
});
