import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Failure } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [{ name: 'host1' }, { name: 'host2' }], controller: { maxAttempts: 2 } });
});
afterAll(() => cloud.stop());

const steps = ['prepareFilter', 'createDisks', 'createDomain', 'enableHairpin', 'applyFilter', 'waitForBoot'] as const;

const gone: Failure = { code: 'hypervisor_error', message: 'it broke', disposition: 'abort' };
const elsewhere: Failure = { ...gone, disposition: 'reschedule' };

function leftovers() {
  return [...cloud.hypervisors.values()].map((hypervisor) => hypervisor.leftovers());
}

const nothing = [
  { domains: [], filters: [], disks: [], earlierDisks: [] },
  { domains: [], filters: [], disks: [], earlierDisks: [] },
];

async function heldInTheNetwork(): Promise<number> {
  const [ports, addresses] = await Promise.all([cloud.runtime.store.view('port'), cloud.runtime.store.view('address')]);
  return ports.size + addresses.size;
}

describe.each(steps)('when %s fails', (step) => {
  it.each(['before', 'after'] as const)(
    'leaves nothing behind but a fault (the failure comes %s the work)',
    async (timing) => {
      for (const hypervisor of cloud.hypervisors.values()) hypervisor.failNext(step, gone, 1, timing);
      const { uuid } = await cloud.create({ name: `fails in ${step}` });
      const failed = await cloud.until(uuid, ({ vmState }) => vmState === 'error');

      expect(failed).toMatchObject({
        state: 'failed.spawning',
        attempt: 1,
        ports: [],
        fault: { code: 'hypervisor_error', message: 'it broke', step: 'spawning' },
        commands: ['delete'],
      });
      expect(leftovers()).toEqual(nothing);
      expect(await heldInTheNetwork()).toBe(0);
      for (const hypervisor of cloud.hypervisors.values()) hypervisor.heal(step);

      await cloud.client.ask(api.instance.delete, { uuid });
      await cloud.until(uuid, ({ state }) => state === 'deleted');
    },
  );

  it('is tried on another host, once, when the failure says so', async () => {
    for (const hypervisor of cloud.hypervisors.values()) hypervisor.failNext(step, elsewhere);
    const { uuid } = await cloud.create({ name: `fails twice in ${step}` });
    const failed = await cloud.until(uuid, ({ vmState }) => vmState === 'error');
    expect(failed).toMatchObject({ state: 'failed.spawning', attempt: 2 });
    expect(failed.tried.map(({ host }) => host).toSorted()).toEqual(['host1', 'host2']);
    expect(failed.fault?.message).toMatch(/^2 hosts were tried, no more may be: host\d: it broke; host\d: it broke$/);
    expect(leftovers()).toEqual(nothing);
    expect(await heldInTheNetwork()).toBe(0);
    await cloud.client.ask(api.instance.delete, { uuid });
  });

  it('runs on the other host when only one is broken', async () => {
    const broken = cloud.hypervisors.get('host1');
    broken?.failAlways(step, elsewhere);
    try {
      const instances = await Promise.all([1, 2, 3].map(() => cloud.create({ name: `moves on from ${step}` })));
      for (const { uuid } of instances) {
        const running = await cloud.until(uuid, ({ state }) => state === 'running');
        expect(running.host).toBe('host2');
        await cloud.client.ask(api.instance.delete, { uuid });
        await cloud.until(uuid, ({ state }) => state === 'deleted');
      }
      expect(leftovers()).toEqual(nothing);
      expect(await heldInTheNetwork()).toBe(0);
    } finally {
      broken?.heal(step);
    }
  });
});
