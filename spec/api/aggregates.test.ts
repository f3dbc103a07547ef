import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApiServer } from '../../actors/api/api-server.ts';
import { startController } from '../../actors/controller/controller.ts';
import type { Part } from '../../actors/runtime/runtime.ts';
import type { AggregateView } from '../../transport/messages/api/host.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
const extra: Part[] = [];
beforeAll(async () => {
  const names = ['a1', 'a2', 'b1', 'b2', 'spare'];
  cloud = await startTestCloud({ hosts: names.map((name) => ({ name })) });
  // As several of each would be in production: whatever one is told, another may be asked.
  for (let more = 0; more < 2; more++) {
    extra.push(await startController(await cloud.connect()), await startApiServer(await cloud.connect()));
  }
});
afterAll(async () => {
  for (const part of extra.toReversed()) await part.stop();
  await cloud.stop();
});

const create = async (name: string, more: { availabilityZone?: string; metadata?: Record<string, string> } = {}) =>
  (await cloud.client.ask(api.aggregate.create, { name, ...more })).aggregate;
const update = async (aggregate: string, more: Partial<Parameters<typeof api.aggregate.update.request.encode>[0]>) =>
  (await cloud.client.ask(api.aggregate.update, { aggregate, ...more })).aggregate;
const addHost = async (aggregate: string, host: string) =>
  (await cloud.client.ask(api.aggregate.addHost, { aggregate, host })).aggregate;
const removeHost = async (aggregate: string, host: string) =>
  (await cloud.client.ask(api.aggregate.removeHost, { aggregate, host })).aggregate;
const remove = (aggregate: string) => cloud.client.ask(api.aggregate.delete, { aggregate });
const list = async (query: Parameters<typeof api.aggregate.list.request.encode>[0] = {}) =>
  (await cloud.client.ask(api.aggregate.list, query)).aggregates;
const zones = async () => (await cloud.client.ask(api.zone.list, {})).zones;
const zoneOf = async (host: string) => (await cloud.client.ask(api.host.get, { host })).host.availabilityZone;

const failing = (code: string, field: string) => ({ failure: { code, details: { field } } });
const settled = ({ state }: InstanceView) => state === 'running' || state.startsWith('failed');

/** Leaves nothing for the next test. */
async function clear(): Promise<void> {
  for (const { id, hosts } of await list()) {
    for (const host of hosts) await removeHost(id, host);
    await remove(id);
  }
}

describe('an aggregate', () => {
  it('is made, changed, found by id or name, listed, and deleted', async () => {
    const made = await create('fast', { metadata: { ssd: 'true' } });
    expect(made).toMatchObject({ name: 'fast', hosts: [], metadata: { ssd: 'true' } });
    expect(made).not.toHaveProperty('availabilityZone');
    for (const aggregate of [made.id, 'fast']) {
      expect((await cloud.client.ask(api.aggregate.get, { aggregate })).aggregate).toEqual(made);
    }

    const renamed = await update('fast', { name: 'faster' });
    expect(renamed).toMatchObject({ id: made.id, name: 'faster', metadata: { ssd: 'true' } });
    expect(Date.parse(renamed.updatedAt)).toBeGreaterThanOrEqual(Date.parse(made.updatedAt));
    expect((await update(made.id, { metadata: { ssd: null, gpu: '1' } })).metadata).toEqual({ gpu: '1' });
    expect(await update(made.id, { availabilityZone: 'west' })).toMatchObject({ availabilityZone: 'west' });
    expect(await update(made.id, { name: 'faster' })).toMatchObject({ availabilityZone: 'west' });
    expect(await update(made.id, { availabilityZone: null })).not.toHaveProperty('availabilityZone');

    await create('all');
    expect((await list()).map(({ name }) => name)).toEqual(['all', 'faster']);
    expect((await list({ limit: 1 })).map(({ name }) => name)).toEqual(['all']);
    expect((await list({ marker: 'all' })).map(({ name }) => name)).toEqual(['faster']);
    await remove('all');
    await remove(made.id);
    expect(await list()).toEqual([]);
  });

  it('is missed with the field that names it', async () => {
    const missed = failing('not_found', '/aggregate');
    await expect(cloud.client.ask(api.aggregate.get, { aggregate: 'none' })).rejects.toMatchObject(missed);
    await expect(update('none', { name: 'some' })).rejects.toMatchObject(missed);
    await expect(addHost('none', 'a1')).rejects.toMatchObject(missed);
    await expect(removeHost('none', 'a1')).rejects.toMatchObject(missed);
    await expect(remove('none')).rejects.toMatchObject(missed);
    await expect(list({ marker: 'none' })).rejects.toMatchObject(failing('not_found', '/marker'));
  });

  it('is for administrators', async () => {
    const member = await cloud.createUser('aggregates');
    const forbidden = { failure: { code: 'forbidden' } };
    await expect(member.ask(api.aggregate.list, {})).rejects.toMatchObject(forbidden);
    await expect(member.ask(api.aggregate.create, { name: 'mine' })).rejects.toMatchObject(forbidden);
    expect((await member.ask(api.zone.list, {})).zones).toEqual([{ name: 'nova', isAvailable: true }]);
  });

  it('has a name of its own, also when many are made or renamed at once', async () => {
    const made = await Promise.allSettled(Array.from({ length: 9 }, () => create('same')));
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const each of made) {
      if (each.status === 'rejected') expect(each.reason).toMatchObject(failing('already_exists', '/name'));
    }
    const others = await Promise.all(Array.from({ length: 4 }, (_, index) => create(`other ${index}`)));
    const renamed = await Promise.allSettled(others.map(({ id }) => update(id, { name: 'wanted' })));
    expect(renamed.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(update('same', { name: 'wanted' })).rejects.toMatchObject(failing('already_exists', '/name'));
    expect((await list()).map(({ name }) => name)).toContain('same');
    expect(new Set((await list()).map(({ name }) => name)).size).toBe(5);
    await clear();
  });
});

describe('the hosts of an aggregate', () => {
  it('come and go, and know of it', async () => {
    await create('rack 1');
    await create('rack 0');
    expect((await addHost('rack 1', 'a1')).hosts).toEqual(['a1']);
    expect((await addHost('rack 1', 'a2')).hosts).toEqual(['a1', 'a2']);
    await addHost('rack 0', 'a1');
    const { host } = await cloud.client.ask(api.host.get, { host: 'a1' });
    expect(host.aggregates).toEqual(['rack 0', 'rack 1']);
    await expect(addHost('rack 1', 'a1')).rejects.toMatchObject(failing('conflict', '/host'));
    await expect(addHost('rack 1', 'a9')).rejects.toMatchObject(failing('not_found', '/host'));
    await expect(removeHost('rack 1', 'b1')).rejects.toMatchObject(failing('not_found', '/host'));
    await expect(remove('rack 1')).rejects.toMatchObject(failing('conflict', '/aggregate'));
    expect((await removeHost('rack 1', 'a1')).hosts).toEqual(['a2']);
    await clear();
  });

  it('are all kept when they are added at once', async () => {
    await create('rack');
    const names = ['a1', 'a2', 'b1', 'b2', 'spare'];
    await Promise.all(names.map((host) => addHost('rack', host)));
    expect((await list())[0]?.hosts.toSorted()).toEqual(names);
    await clear();
  });

  it('are in one zone only', async () => {
    await create('west', { availabilityZone: 'west' });
    await create('east', { availabilityZone: 'east' });
    await create('none');
    await addHost('west', 'a1');
    await addHost('none', 'a1');
    await expect(addHost('east', 'a1')).rejects.toMatchObject(failing('conflict', '/host'));
    await expect(update('none', { availabilityZone: 'east' })).rejects.toMatchObject(
      failing('conflict', '/availabilityZone'),
    );
    await update('none', { availabilityZone: 'west' });
    await update('none', { availabilityZone: null });
    // Out of the one, it may come into the other.
    await removeHost('west', 'a1');
    await addHost('east', 'a1');
    expect(await zoneOf('a1')).toBe('east');
    await clear();
  });

  it('are in one zone only, also when several zones want them at once', async () => {
    for (let round = 0; round < 4; round++) {
      const rivals = await Promise.all(
        ['west', 'east', 'north'].map((zone) => create(zone, { availabilityZone: zone })),
      );
      const plain = await create('plain');
      const outcomes = await Promise.allSettled([
        ...rivals.map(({ id }) => addHost(id, 'spare')),
        addHost(plain.id, 'spare'),
        update(plain.id, { availabilityZone: 'south' }),
      ]);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ failure: { code: 'conflict' } });
      }
      const holding = (await list()).filter(({ hosts }) => hosts.includes('spare'));
      const held = new Set(holding.map(({ availabilityZone }) => availabilityZone).filter(Boolean));
      expect(held.size).toBe(1);
      expect(await zoneOf('spare')).toBe([...held][0]);
      await clear();
    }
  });

  it('do not come into another zone while they have instances', async () => {
    await create('west', { availabilityZone: 'west' });
    await create('nova', { availabilityZone: 'nova' });
    await create('later');
    await addHost('west', 'b1');
    await addHost('later', 'b2');
    const { uuid } = await cloud.create({ availabilityZone: 'west' });
    expect(await cloud.until(uuid, settled)).toMatchObject({ state: 'running', host: 'b1' });
    await expect(update('west', { availabilityZone: 'east' })).rejects.toMatchObject(
      failing('conflict', '/availabilityZone'),
    );
    await expect(update('west', { availabilityZone: null })).rejects.toMatchObject(
      failing('conflict', '/availabilityZone'),
    );
    await expect(removeHost('west', 'b1')).rejects.toMatchObject(failing('conflict', '/host'));
    // What leaves the zone as it is may be done.
    await addHost('later', 'b1');
    await update('later', { availabilityZone: 'west' });
    await update('west', { availabilityZone: null, name: 'once west' });
    await removeHost('once west', 'b1');
    expect(await zoneOf('b1')).toBe('west');

    await cloud.client.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');
    await update('later', { availabilityZone: 'east' });
    expect(await zoneOf('b1')).toBe('east');
    await clear();
  });
});

describe('zones', () => {
  it('are those that hosts are in, of their aggregates or else their own', async () => {
    expect(await zones()).toEqual([{ name: 'nova', isAvailable: true }]);
    await create('west', { availabilityZone: 'west' });
    expect(await zones()).toEqual([{ name: 'nova', isAvailable: true }]);
    await addHost('west', 'a1');
    expect(await zones()).toEqual([
      { name: 'nova', isAvailable: true },
      { name: 'west', isAvailable: true },
    ]);
    const { hosts } = await cloud.client.ask(api.host.list, { availabilityZone: 'west' });
    expect(hosts.map(({ name }) => name)).toEqual(['a1']);
    expect(await zoneOf('a2')).toBe('nova');
  });

  it('are available where a host takes instances', async () => {
    await cloud.client.ask(api.host.disable, { host: 'a1', reason: 'a test' });
    expect(await zones()).toContainEqual({ name: 'west', isAvailable: false });
    const refused = await cloud.create({ availabilityZone: 'west' });
    expect(await cloud.until(refused.uuid, settled)).toMatchObject({ fault: { code: 'no_valid_host' } });
    await cloud.client.ask(api.host.enable, { host: 'a1' });
    expect(await zones()).toContainEqual({ name: 'west', isAvailable: true });
  });

  it('are where instances are launched that ask for them, at once and by whatever server', async () => {
    for (const [zone, host] of [
      ['p', 'b1'],
      ['q', 'b2'],
    ] as const) {
      await expect(cloud.create({ availabilityZone: zone })).rejects.toMatchObject(
        failing('invalid_request', '/availabilityZone'),
      );
      await create(zone, { availabilityZone: zone });
      await addHost(zone, host);
      const { uuid, availabilityZone } = await cloud.create({ availabilityZone: zone });
      expect(availabilityZone).toBe(zone);
      expect(await cloud.until(uuid, settled)).toMatchObject({ state: 'running', host });
      await cloud.client.ask(api.instance.delete, { uuid });
      await cloud.until(uuid, ({ state }) => state === 'deleted');
    }
    await clear();
  });
});

describe('what a flavor asks of aggregates', () => {
  it('is found where an aggregate says the same, or one of several', async () => {
    const flavors = await cloud.runtime.store.bucket('flavor');
    const revision = await flavors.put('ssd', {
      ...{ id: 'ssd', name: 'm1.ssd', vcpus: 1, memoryMb: 128, rootGb: 0 },
      extraSpecs: { 'aggregate_instance_extra_specs:disk': 'ssd', 'hw:unrelated': 'yes' },
    });
    await (await cloud.runtime.store.view('flavor')).reached(revision);
    const launch = async () => {
      const { uuid } = await cloud.create({ flavor: 'm1.ssd' });
      return cloud.until(uuid, settled);
    };
    expect(await launch()).toMatchObject({
      fault: { code: 'no_valid_host', details: { removedBy: { AggregateInstanceExtraSpecsFilter: 5 } } },
    });
    const made: AggregateView = await create('disks', { metadata: { disk: 'hdd' } });
    await addHost(made.id, 'b2');
    expect(await launch()).toMatchObject({ fault: { code: 'no_valid_host' } });
    await update(made.id, { metadata: { disk: 'hdd, ssd' } });
    expect(await launch()).toMatchObject({ state: 'running', host: 'b2' });
  });
});
