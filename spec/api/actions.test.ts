import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceAction } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [{ name: 'host1' }, { name: 'host2' }] });
});
afterAll(() => cloud.stop());

/** The actions, once they are as many and none is in progress: facts follow the store. */
function actions(uuid: string, count: number): Promise<InstanceAction[]> {
  return eventually(async () => {
    const { actions } = await cloud.client.ask(api.instance.actions, { uuid });
    return actions.length === count && actions.every(({ finishedAt }) => finishedAt) ? actions : undefined;
  });
}

const reach = (uuid: string, state: string) => cloud.until(uuid, (instance) => instance.state === state);
const inShort = (all: InstanceAction[]) => all.map(({ action, result }) => [action, result]);

describe('the actions of an instance', () => {
  it('tell what was asked and what came of it, newest first, to the end of its life', async () => {
    const { uuid } = await cloud.create();
    const { host } = await reach(uuid, 'running');
    await cloud.client.ask(api.instance.stop, { uuid });
    await reach(uuid, 'stopped');
    await cloud.client.ask(api.instance.lock, { uuid });
    await cloud.client.ask(api.instance.delete, { uuid });
    await reach(uuid, 'deleted');
    const all = await actions(uuid, 4);
    expect(inShort(all)).toEqual([
      ['delete', 'success'],
      ['lock', 'success'],
      ['stop', 'success'],
      ['create', 'success'],
    ]);
    const create = all.at(-1);
    expect(create?.events.map(({ state }) => state)).toEqual([
      ...['scheduling', 'building.checking', 'building.claiming', 'networking', 'mapping'],
      ...['spawning.preparingFilter', 'spawning.creatingDisks', 'spawning.creatingDomain'],
      ...['spawning.enablingHairpin', 'spawning.applyingFilter', 'spawning.waitingForBoot', 'running'],
    ]);
    expect(create).toMatchObject({ userId: 'admin', requestId: expect.stringMatching(/^req-/) });
    expect(create?.events.at(-1)).toMatchObject({ state: 'running', host });
    expect(new Set(all.map(({ requestId }) => requestId)).size).toBe(4);
  });

  it('tell what the guest did by itself as observed', async () => {
    const { uuid } = await cloud.create();
    const { host = '' } = await reach(uuid, 'running');
    cloud.hypervisors.get(host)?.shutDownGuest(uuid);
    await reach(uuid, 'stopped');
    const [seen] = await actions(uuid, 2);
    expect(seen).toMatchObject({
      action: 'observed',
      result: 'success',
      events: [{ state: 'inspecting' }, { state: 'stopped' }],
    });
    expect(seen?.userId).toBeUndefined();
  });

  it('tell what failed on one host, and that another made it good', async () => {
    for (const hypervisor of cloud.hypervisors.values()) hypervisor.failNext('createDomain');
    const { uuid } = await cloud.create();
    await cloud.until(uuid, ({ vmState }) => vmState === 'error' || vmState === 'active');
    const [create] = await actions(uuid, 1);
    const failed = create?.events.filter(({ failure }) => failure);
    expect(failed?.[0]).toMatchObject({ state: 'releasing.destroyingDomain', failure: { code: 'hypervisor_error' } });
    expect(new Set(create?.events.flatMap(({ host }) => host ?? [])).size).toBe(2);
    expect(create?.result).toBe('error');
    expect(create?.events.at(-1)?.state).toMatch(/^failed/);
  });

  it('tell of a stop that a refused pause came into as of one that succeeded', async () => {
    const { uuid } = await cloud.create();
    const { host = '' } = await reach(uuid, 'running');
    const goOn = cloud.hypervisors.get(host)?.hang('stop');
    await cloud.client.ask(api.instance.stop, { uuid });
    await reach(uuid, 'stopping');
    await expect(cloud.client.ask(api.instance.pause, { uuid })).rejects.toMatchObject({
      failure: { code: 'conflict' },
    });
    goOn?.();
    await reach(uuid, 'stopped');
    const [stop] = await actions(uuid, 2);
    expect(stop).toMatchObject({
      action: 'stop',
      result: 'success',
      events: [{ state: 'stopping' }, { state: 'stopped' }],
    });
  });

  it('tell of a launch that a delete came into', async () => {
    for (const hypervisor of cloud.hypervisors.values()) hypervisor.delay('createDisks', 200);
    const { uuid } = await cloud.create();
    await reach(uuid, 'spawning.creatingDisks');
    await cloud.client.ask(api.instance.delete, { uuid });
    await reach(uuid, 'deleted');
    for (const hypervisor of cloud.hypervisors.values()) hypervisor.delay('createDisks', 0);
    expect(inShort(await actions(uuid, 2))).toEqual([
      ['delete', 'success'],
      ['create', 'error'],
    ]);
  });

  it('are nobody’s who may not see the instance', async () => {
    const { uuid } = await cloud.create();
    const stranger = await cloud.createUser('elsewhere');
    await expect(stranger.ask(api.instance.actions, { uuid })).rejects.toMatchObject({
      failure: { code: 'not_found', details: { field: '/uuid' } },
    });
  });
});
