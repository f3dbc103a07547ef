import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController } from '../../actors/controller/controller.ts';
import { api } from '../../transport/messages/api.ts';
import { imageName, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
  // Two controllers share the calls, so that they race for the same quota.
  await startController(await cloud.connect());
});
afterAll(() => cloud.stop());

describe('quota', () => {
  it('lets exactly ten of a hundred concurrent creates through a quota of ten', async () => {
    const client = await cloud.createUser('racers');
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => cloud.create({ name: `racer ${index % 7}` }, client)),
    );
    const created = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(created).toHaveLength(10);
    expect(refused).toHaveLength(90);
    for (const { failure } of refused) {
      expect(failure).toMatchObject({ code: 'quota_exceeded', details: { resource: 'instances', limit: 10 } });
    }
    expect(new Set(created.map(({ hostname }) => hostname)).size).toBe(10);
    const addresses = await Promise.all(
      created.map(
        async ({ uuid }) => (await cloud.until(uuid, ({ state }) => state === 'running')).ports[0]?.addresses[0],
      ),
    );
    expect(new Set(addresses).size).toBe(10);
  });

  it('comes back when an instance is deleted', async () => {
    const client = await cloud.createUser('recyclers');
    const { instances } = await client.ask(api.instance.create, {
      name: 'many',
      image: imageName,
      flavor: 'm1.micro',
      minCount: 10,
      maxCount: 10,
    });
    const uuid = instances[0]?.uuid ?? '';
    await expect(cloud.create({}, client)).rejects.toMatchObject({ failure: { code: 'quota_exceeded' } });
    await client.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');
    await expect(cloud.create({}, client)).resolves.toMatchObject({ projectId: 'recyclers' });
  });

  it('launches as many as fit between minCount and maxCount', async () => {
    const client = await cloud.createUser('fitters');
    const { instances } = await client.ask(api.instance.create, {
      name: 'batch',
      image: imageName,
      flavor: 'm1.micro',
      minCount: 2,
      maxCount: 50,
    });
    expect(instances).toHaveLength(10);
    expect(instances.map(({ launchIndex }) => launchIndex)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(new Set(instances.map(({ reservationId }) => reservationId)).size).toBe(1);
  });

  it('makes one instance of a client token that is used twice at the same time', async () => {
    const client = await cloud.createUser('repeaters');
    const request = { name: 'once', clientToken: 'the same' };
    const created = await Promise.all(Array.from({ length: 20 }, () => cloud.create(request, client)));
    expect(new Set(created.map(({ uuid }) => uuid)).size).toBe(1);
    const { instances } = await client.ask(api.instance.list, {});
    expect(instances).toHaveLength(1);
    await expect(cloud.create({ ...request, name: 'another' }, client)).rejects.toMatchObject({
      failure: { code: 'conflict', details: { field: '/clientToken' } },
    });
  });
});
