import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminProject } from '../../actors/identity/first-admin.ts';
import { api } from '../../transport/messages/api.ts';
import type { InstanceFact } from '../../transport/nats/api-client.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud.stop());

describe('a launch', () => {
  it('takes an instance through every step of the seed, in order', async () => {
    const told: InstanceFact[] = [];
    const stop = cloud.client.follow(adminProject, (fact) => told.push(fact));
    const { uuid } = await cloud.create({ name: 'through every step' });
    const running = await cloud.until(uuid, ({ vmState }) => vmState === 'active');
    stop();

    expect(
      told.filter((fact) => fact.uuid === uuid).map(({ type, to }) => (type === 'transition' ? to : type)),
    ).toEqual([
      'command',
      'building.checking',
      'building.claiming',
      'compute.instance.create.start',
      'networking',
      'mapping',
      'spawning.preparingFilter',
      'spawning.creatingDisks',
      'spawning.creatingDomain',
      'spawning.enablingHairpin',
      'spawning.applyingFilter',
      'spawning.waitingForBoot',
      'compute.instance.create.end',
      'running',
    ]);
    expect(running).toMatchObject({
      state: 'running',
      hostname: 'through-every-step',
      host: 'host1',
      powerState: 'running',
      attempt: 1,
      securityGroups: ['default'],
    });
    expect(running.ports[0]?.mac).toMatch(/^fa:16:3e:/);
    expect(running.ports[0]?.addresses).toHaveLength(1);
    expect(Date.parse(running.launchedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(running.scheduledAt ?? ''));
    expect(running.commands).toEqual(['stop', 'reboot', 'pause', 'suspend', 'rebuild', 'resize', 'delete']);
  });

  it('gives everything back when the instance is deleted', async () => {
    const { uuid } = await cloud.create();
    await cloud.until(uuid, ({ vmState }) => vmState === 'active');
    await cloud.client.ask(api.instance.delete, { uuid });
    const deleted = await cloud.until(uuid, ({ vmState }) => vmState === 'deleted');
    expect(deleted).toMatchObject({ state: 'deleted', powerState: 'nostate', ports: [], commands: [] });
    expect(deleted.terminatedAt).toBeDefined();
    for (const left of Object.values(cloud.hypervisors.get('host1')?.leftovers() ?? {}))
      expect(left).not.toContain(uuid);
    const ports = await cloud.runtime.store.view('port');
    expect([...ports.values()].filter(({ instanceUuid }) => instanceUuid === uuid)).toEqual([]);
  });

  it('shows its own write at once: what was created is in the list', async () => {
    const { uuid } = await cloud.create({ name: 'at once' });
    const { instances } = await cloud.client.ask(api.instance.list, { name: 'at once' });
    expect(instances.map((instance) => instance.uuid)).toEqual([uuid]);
  });

  it('takes power commands through their states and back', async () => {
    const { uuid } = await cloud.create();
    const reach = (state: string) => cloud.until(uuid, (instance) => instance.state === state);
    await reach('running');
    for (const [verb, state] of [
      ['stop', 'stopped'],
      ['start', 'running'],
      ['pause', 'paused'],
      ['unpause', 'running'],
      ['suspend', 'suspended'],
      ['resume', 'running'],
    ] as const) {
      await cloud.client.ask(api.instance[verb], { uuid });
      expect((await reach(state)).taskState).toBeUndefined();
    }
    for (const how of ['soft', 'hard'] as const) {
      const { instance } = await cloud.client.ask(api.instance.reboot, { uuid, how });
      expect(['running', 'rebooting.softly', 'rebooting.hard']).toContain(instance.state);
      await reach('running');
    }
  });

  it('refuses a command that the state does not allow, naming the state', async () => {
    const { uuid } = await cloud.create();
    await cloud.until(uuid, ({ state }) => state === 'running');
    await expect(cloud.client.ask(api.instance.start, { uuid })).rejects.toMatchObject({
      failure: { code: 'conflict', details: { state: 'running', event: 'instance.start' } },
    });
  });
});
