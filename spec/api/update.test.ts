import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController } from '../../actors/controller/controller.ts';
import { adminProject } from '../../actors/identity/first-admin.ts';
import type { Part } from '../../actors/runtime/runtime.ts';
import { api } from '../../transport/messages/api.ts';
import type { InstanceFact } from '../../transport/nats/api-client.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let second: Part;
beforeAll(async () => {
  cloud = await startTestCloud();
  second = await startController(await cloud.connect());
});
afterAll(async () => {
  await second.stop();
  await cloud.stop();
});

async function running(more: Parameters<TestCloud['create']>[0] = {}): Promise<string> {
  const { uuid } = await cloud.create(more);
  await cloud.until(uuid, ({ state }) => state === 'running');
  return uuid;
}

const get = async (uuid: string) => (await cloud.client.ask(api.instance.get, { uuid })).instance;

describe('an update', () => {
  it('renames, changes the metadata that it names, and replaces tags; what is not given stays as it was', async () => {
    const uuid = await running({ name: 'before', metadata: { role: 'web', tier: '1' }, tags: ['one'] });
    const metadata = { role: 'db', tier: null, owner: 'mary', unknown: null };
    const { instance } = await cloud.client.ask(api.instance.update, { uuid, name: 'after', metadata });
    expect(instance).toMatchObject({ name: 'after', hostname: 'before', tags: ['one'] });
    expect(instance.metadata).toEqual({ role: 'db', owner: 'mary' });
    const { instances } = await cloud.client.ask(api.instance.list, { name: 'after' });
    expect(instances).toEqual([instance]);
    const tagged = await cloud.client.ask(api.instance.update, { uuid, tags: ['two', 'three'], metadata: {} });
    expect(tagged.instance).toMatchObject({ name: 'after', tags: ['two', 'three'], state: 'running' });
    expect(tagged.instance.metadata).toEqual(instance.metadata);
  });

  it('gives an instance no more metadata than a launch may', async () => {
    const uuid = await running({ metadata: { role: 'web' } });
    const names = Array.from({ length: 128 }, (_, index) => [`name-${index}`, '']);
    const metadata = Object.fromEntries(names) as Record<string, string>;
    await expect(cloud.client.ask(api.instance.update, { uuid, metadata })).rejects.toMatchObject({
      failure: { code: 'invalid_request', details: { field: '/metadata' } },
    });
    const { instance } = await cloud.client.ask(api.instance.update, { uuid, metadata: { ...metadata, role: null } });
    expect(instance.metadata).toEqual(metadata);
  });

  it('that gives nothing changes nothing', async () => {
    const uuid = await running();
    const before = await get(uuid);
    expect((await cloud.client.ask(api.instance.update, { uuid })).instance).toEqual(before);
  });

  it('is told as a command, by whoever asked', async () => {
    const uuid = await running();
    const told: InstanceFact[] = [];
    const stop = cloud.client.follow(adminProject, (fact) => told.push(fact));
    await cloud.client.ask(api.instance.update, { uuid, name: 'told' });
    await cloud.client.ask(api.instance.stop, { uuid });
    await eventually(() => (told.some(({ uuid: of, to }) => of === uuid && to === 'stopped') ? true : undefined));
    stop();
    const mine = told.filter((fact) => fact.uuid === uuid);
    expect(mine[0]).toMatchObject({ type: 'command', command: 'update', to: 'running', name: 'told', userId: 'admin' });
    // Also by the host, which hears of the new name only when it writes.
    expect(new Set(mine.map(({ name }) => name))).toEqual(new Set(['told']));
  });

  it('goes through while an instance is being made, and is there when it runs', async () => {
    const goOn = cloud.hypervisors.get('host1')?.hang('createDomain');
    const { uuid } = await cloud.create({ name: 'hanging' });
    await cloud.until(uuid, ({ state }) => state === 'spawning.creatingDomain');
    await cloud.client.ask(api.instance.update, { uuid, name: 'named meanwhile', tags: ['early'] });
    goOn?.();
    const instance = await cloud.until(uuid, ({ state }) => state === 'running');
    expect(instance).toMatchObject({ name: 'named meanwhile', tags: ['early'] });
  });

  it('is refused once the instance is deleted', async () => {
    const uuid = await running();
    await cloud.client.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');
    for (const [verb, more] of [
      ['update', { name: 'x' }],
      ['lock', {}],
      ['unlock', {}],
    ] as const) {
      await expect(cloud.client.ask(api.instance[verb], { uuid, ...more })).rejects.toMatchObject({
        failure: { code: 'conflict', details: { vmState: 'deleted' } },
      });
    }
  });

  it('finds no instance of another project, and is nothing for one who may only read', async () => {
    const uuid = await running();
    const stranger = await cloud.createUser('elsewhere');
    await expect(stranger.ask(api.instance.update, { uuid, name: 'mine' })).rejects.toMatchObject({
      failure: { code: 'not_found', details: { field: '/uuid' } },
    });
    const reader = await cloud.createUser('looking', ['reader']);
    await expect(reader.ask(api.instance.update, { uuid, name: 'mine' })).rejects.toMatchObject({
      failure: { code: 'forbidden' },
    });
    expect((await get(uuid)).name).toBe('test');
  });
});

describe('updates and an owner that writes at the same time', () => {
  it('lose nothing of each other: fifty updates of each kind while the power goes on and off', async () => {
    const uuid = await running({ name: 'busy' });
    const hypervisor = cloud.hypervisors.get('host1');
    for (const step of ['stop', 'start', 'pause', 'unpause'] as const) hypervisor?.delay(step, [0, 3]);
    const told: InstanceFact[] = [];
    const stop = cloud.client.follow(adminProject, (fact) => {
      if (fact.uuid === uuid) told.push(fact);
    });

    let isOver = false;
    let rounds = 0;
    async function cycle(): Promise<void> {
      while (!isOver) {
        for (const [verb, state] of [
          ['stop', 'stopped'],
          ['start', 'running'],
          ['pause', 'paused'],
          ['unpause', 'running'],
        ] as const) {
          await cloud.client.ask(api.instance[verb], { uuid });
          await cloud.until(uuid, (instance) => instance.state === state);
        }
        rounds += 1;
      }
    }
    const cycling = cycle();
    const kinds = {
      name: (index: number) => ({ name: `busy ${index}` }),
      metadata: (index: number) => ({ metadata: { index: String(index) } }),
      tags: (index: number) => ({ tags: [`tag-${index}`] }),
    };
    await Promise.all(
      Object.values(kinds).map(async (change) => {
        for (let index = 1; index <= 50; index++) {
          const { instance } = await cloud.client.ask(api.instance.update, { uuid, ...change(index) });
          expect(instance).toMatchObject(change(index));
          expect(await get(uuid)).toMatchObject(change(index));
        }
      }),
    );
    isOver = true;
    await cycling;

    expect(rounds).toBeGreaterThan(1);
    expect(await get(uuid)).toMatchObject({
      ...{ name: 'busy 50', metadata: { index: '50' }, tags: ['tag-50'] },
      ...{ state: 'running', powerState: 'running' },
    });
    const told150 = () => told.filter(({ command }) => command === 'update').length >= 150 || undefined;
    await eventually(told150);
    stop();
    const states = told.filter(({ type }) => type === 'transition').map(({ to }) => to);
    const oneRound = ['stopping', 'stopped', 'starting', 'running', 'pausing', 'paused', 'unpausing', 'running'];
    expect(states).toEqual(Array.from({ length: rounds }, () => oneRound).flat());
  });

  it('all come through when fifty clients ask at once', async () => {
    const uuid = await running();
    const indices = Array.from({ length: 50 }, (_, index) => String(index));
    const power = (async () => {
      await cloud.client.ask(api.instance.stop, { uuid });
      await cloud.until(uuid, ({ state }) => state === 'stopped');
    })();
    const answers = await Promise.all(
      indices.map((index) => cloud.client.ask(api.instance.update, { uuid, metadata: { [index]: 'here' } })),
    );
    await power;
    expect(answers.map(({ instance }, index) => instance.metadata[index])).toEqual(indices.map(() => 'here'));
    const { metadata, state } = await get(uuid);
    // Nobody has written over what another has.
    expect(Object.keys(metadata)).toEqual(expect.arrayContaining(indices));
    expect(state).toBe('stopped');
  });
});
