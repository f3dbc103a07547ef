import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FailureError } from '../../machines/failure.ts';
import type { CreateInstance } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { addDownZone } from '../support/down-zone.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { expectNothingLeft } from './support.ts';

let cloud: TestCloud;
let client: ApiClient;
let project: string;
let projects = 0;
beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [{ name: 'host1' }, { name: 'host2', zone: 'east' }] });
  const { store } = cloud.runtime;
  const images = await store.view('image');
  const [image] = [...images.values()];
  if (!image) throw new Error('the cloud has no image');
  const bucket = await store.bucket('image');
  const id = (digit: number) => `00000000-0000-4000-8000-00000000000${digit}`;
  const put = async (record: typeof image) => images.reached(await bucket.put(record.id, record));
  await put({ ...image, id: id(1), name: 'greedy', minMemoryMb: 1024 });
  await put({ ...image, id: id(2), name: 'large', minDiskGb: 10 });
  await put({ ...image, id: id(3), name: 'private', projectId: 'somebody-else' });
  await put({ ...image, id: id(4), name: 'twin' });
  await put({ ...image, id: id(5), name: 'twin' });
});
afterAll(() => cloud.stop());

/** A project for each test, so that quotas and hostnames are its own. */
beforeEach(async () => {
  project = `project-${++projects}`;
  client = await cloud.createUser(project);
});

async function refusalOf(request: Partial<CreateInstance>) {
  const outcome = await client
    .ask(api.instance.create, { name: 'test', image: 'simulated', flavor: 'm1.micro', ...request })
    .catch((error: unknown) => error);
  if (!(outcome instanceof FailureError)) throw new Error('the request was accepted');
  expect((await client.ask(api.instance.list, {})).instances).toEqual([]);
  return outcome.failure;
}

describe('what a request names', () => {
  it.each([
    ['flavor', { flavor: 'none' }, '/flavor'],
    ['image', { image: 'none' }, '/image'],
    ['image of another project', { image: 'private' }, '/image'],
    ['image of another project, by id', { image: '00000000-0000-4000-8000-000000000003' }, '/image'],
    ['key pair', { keyName: 'none' }, '/keyName'],
    ['network', { networks: [{ network: 'default' }, { network: 'none' }] }, '/networks/1/network'],
    ['security group', { securityGroups: ['default', 'none'] }, '/securityGroups/1'],
    ['flavor with a name that every object has', { flavor: 'constructor' }, '/flavor'],
    ['key pair with a name that is no subject', { keyName: 'a.b > *' }, '/keyName'],
  ] as [string, Partial<CreateInstance>, string][])('is not found, by its field: %s', async (_, request, field) => {
    const failure = await refusalOf(request);
    expect(failure).toMatchObject({ code: 'not_found', details: { field } });
    expect(failure.message).toContain(field);
  });

  it('is a conflict when two have the name', async () => {
    expect(await refusalOf({ image: 'twin' })).toMatchObject({ code: 'conflict', details: { field: '/image' } });
  });

  it('is refused when the flavor has too little memory for the image', async () => {
    expect(await refusalOf({ image: 'greedy' })).toMatchObject({
      code: 'invalid_request',
      details: { field: '/flavor', needed: 1024, given: 128 },
    });
  });

  it('is refused when the flavor has too little disk for the image', async () => {
    expect(await refusalOf({ image: 'large', flavor: 'm1.tiny' })).toMatchObject({
      code: 'invalid_request',
      details: { field: '/flavor', needed: 10, given: 1 },
    });
  });

  it('is refused when fewer are wanted than needed', async () => {
    expect(await refusalOf({ minCount: 3, maxCount: 2 })).toMatchObject({
      code: 'invalid_request',
      details: { field: '/minCount' },
    });
  });

  it('is refused when several are to have one address', async () => {
    const networks = [{ network: 'default' }, { network: 'default', fixedIp: '10.20.0.9' }];
    for (const counts of [{ maxCount: 2 }, { minCount: 2 }]) {
      expect(await refusalOf({ networks, ...counts })).toMatchObject({
        code: 'invalid_request',
        details: { field: '/networks/1/fixedIp' },
      });
    }
  });

  it('is refused when so much is to be kept of so many that no answer could hold it', async () => {
    const metadata = Object.fromEntries(
      Array.from({ length: 128 }, (_, index) => [`${index}${'k'.repeat(250)}`, 'v'.repeat(255)]),
    );
    expect(await refusalOf({ metadata, minCount: 1, maxCount: 100 })).toMatchObject({
      code: 'invalid_request',
      details: { field: '/maxCount' },
    });
    const { instances } = await client.ask(api.instance.create, {
      ...{ name: 'few', image: 'simulated', flavor: 'm1.micro', metadata, maxCount: 3 },
    });
    expect(instances.map(({ metadata: kept }) => kept)).toContainEqual(metadata);
  });
});

describe('a fixed IP', () => {
  const withIp = (fixedIp: string) => cloud.create({ networks: [{ network: 'default', fixedIp }] }, client);

  it('is the instance’s when it is free, and is free again afterwards', async () => {
    for (let round = 0; round < 2; round++) {
      const { uuid } = await withIp('10.20.0.77');
      const { ports } = await cloud.until(uuid, ({ state }) => state === 'running');
      expect(ports.map(({ addresses }) => addresses)).toEqual([['10.20.0.77']]);
      await client.ask(api.instance.delete, { uuid });
      await cloud.until(uuid, ({ state }) => state === 'deleted');
    }
  });

  it.each([
    ['outside of the subnet', '192.0.2.1'],
    ['the network address', '10.20.0.0'],
    ['the gateway', '10.20.0.1'],
    ['the broadcast address', '10.20.3.255'],
  ])('is refused when it is %s', async (_, fixedIp) => {
    await expect(withIp(fixedIp)).rejects.toMatchObject({
      failure: {
        code: 'invalid_request',
        message: expect.stringContaining(fixedIp),
        details: { field: '/networks/0/fixedIp' },
      },
    });
  });

  it('that is taken ends the launch as failed.networking, with nothing left', async () => {
    const fixedIp = '10.20.0.50';
    const holder = await withIp(fixedIp);
    await cloud.until(holder.uuid, ({ state }) => state === 'running');
    const { uuid } = await withIp(fixedIp);
    const failed = await cloud.until(uuid, ({ vmState }) => vmState === 'error');
    expect(failed).toMatchObject({
      state: 'failed.networking',
      ports: [],
      fault: { code: 'address_in_use', step: 'networking', message: expect.stringContaining(fixedIp) },
      commands: ['delete'],
    });
    await expectNothingLeft(cloud, uuid);
    expect(await cloud.until(holder.uuid, () => true)).toMatchObject({ state: 'running' });
  });
});

describe('an availability zone', () => {
  it('is where the instance runs', async () => {
    const { uuid } = await cloud.create({ availabilityZone: 'east' }, client);
    expect(await cloud.until(uuid, ({ state }) => state === 'running')).toMatchObject({ host: 'host2' });
  });

  it('that no host is in is refused', async () => {
    await expect(cloud.create({ availabilityZone: 'nowhere' }, client)).rejects.toMatchObject({
      failure: { code: 'invalid_request', details: { field: '/availabilityZone' } },
    });
  });

  it('whose hosts are down ends the launch with a fault that says which filter removed how many hosts', async () => {
    await addDownZone(cloud.runtime, 'down');
    const { uuid } = await cloud.create({ availabilityZone: 'down' }, client);
    expect(await cloud.until(uuid, ({ vmState }) => vmState === 'error')).toMatchObject({
      state: 'failed.scheduling',
      fault: {
        code: 'no_valid_host',
        step: 'scheduling',
        message:
          'no host of 3 will do: 1 down, disabled or without a hypervisor (ComputeFilter), ' +
          '2 not in zone down (AvailabilityZoneFilter)',
        details: { hosts: 3, removedBy: { ComputeFilter: 1, AvailabilityZoneFilter: 2 } },
      },
      commands: ['delete'],
    });
    await expect(client.ask(api.instance.consoleLog, { uuid })).rejects.toMatchObject({
      failure: { code: 'conflict' },
    });
  });
});

describe('names', () => {
  it('make hostnames that differ within the project, also of requests at the same time', async () => {
    const lists = await Promise.all(
      Array.from({ length: 4 }, () =>
        client.ask(api.instance.create, {
          ...{ name: 'Ünique Näme', image: 'simulated', flavor: 'm1.micro', maxCount: 2, minCount: 2 },
        }),
      ),
    );
    const hostnames = lists.flatMap(({ instances }) => instances.map(({ hostname }) => hostname));
    expect(hostnames.toSorted()).toEqual(
      ['-1', '-1-2', '-1-3', '-1-4', '-2', '-2-2', '-2-3', '-2-4'].map((suffix) => `unique-name${suffix}`),
    );
    const elsewhere = await cloud.createUser(`${project}-other`);
    expect((await cloud.create({ name: 'Ünique Näme' }, elsewhere)).hostname).toBe('unique-name');
  });

  it('number the instances of one request, which share a reservation', async () => {
    const { instances } = await client.ask(api.instance.create, {
      ...{ name: 'many', image: 'simulated', flavor: 'm1.micro', maxCount: 3 },
    });
    expect(instances.map(({ name, hostname }) => hostname === name)).toEqual([true, true, true]);
    expect(instances.map(({ name, launchIndex }) => [name, launchIndex])).toEqual([
      ['many-1', 0],
      ['many-2', 1],
      ['many-3', 2],
    ]);
    expect(new Set(instances.map(({ reservationId }) => reservationId)).size).toBe(1);
  });

  it('may be long, of any script, and end in half of a character when they are numbered', async () => {
    const name = `${'x'.repeat(249)}\u{1f4a5}`;
    const { instances } = await client.ask(api.instance.create, {
      ...{ name, image: 'simulated', flavor: 'm1.micro', maxCount: 2 },
    });
    for (const { uuid, name: numbered } of instances) {
      expect(numbered.isWellFormed()).toBe(true);
      await cloud.until(uuid, ({ state }) => state === 'running');
    }
  });
});

describe('metadata', () => {
  it('may have keys that mean something to JavaScript, and comes back as it was', async () => {
    const metadata = JSON.parse('{"__proto__": "a", "constructor": "b", "toString": "c", "0": "d"}');
    const { uuid } = await cloud.create({ metadata }, client);
    const running = await cloud.until(uuid, ({ state }) => state === 'running');
    expect(Object.entries(running.metadata).toSorted()).toEqual(Object.entries(metadata).toSorted());
  });
});

describe('the default security group', () => {
  it('is made once for a project, however many ask at the same time', async () => {
    const instances = await Promise.all(Array.from({ length: 8 }, () => cloud.create({}, client)));
    for (const { securityGroups } of instances) expect(securityGroups).toEqual(['default']);
    const groups = await cloud.runtime.store.bucket('securityGroup');
    let versions = 0;
    for (const key of await groups.keys(`${project}.*`)) {
      const entry = await groups.get(key);
      expect(entry?.value).toMatchObject({ name: 'default', projectId: project });
      versions += 1;
    }
    expect(versions).toBe(1);
  });
});

describe('a client token', () => {
  const request = { name: 'once', image: 'simulated', flavor: 'm1.micro', clientToken: 'token' };

  it('makes one instance of many requests at the same time, and answers each with it', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => client.ask(api.instance.create, request)));
    const uuids = new Set(answers.flatMap(({ instances }) => instances.map(({ uuid }) => uuid)));
    expect(uuids.size).toBe(1);
    expect((await client.ask(api.instance.list, {})).instances).toHaveLength(1);
  });

  it('knows the request again when its fields come in another order', async () => {
    const one = { ...request, metadata: { a: '1', b: '2' }, files: [{ path: '/a', contents: 'YQ==' }] };
    const two = { files: [{ contents: 'YQ==', path: '/a' }], metadata: { b: '2', a: '1' }, ...request };
    const answers = await Promise.all([one, two].map((each) => client.ask(api.instance.create, each)));
    expect(answers[1]?.instances[0]?.uuid).toBe(answers[0]?.instances[0]?.uuid);
  });

  it('is refused for another request, which changes nothing of the first', async () => {
    const outcomes = await Promise.allSettled(
      ['one', 'two', 'three', 'four'].map((adminPassword) =>
        client.ask(api.instance.create, { ...request, adminPassword }),
      ),
    );
    const won = outcomes.findIndex(({ status }) => status === 'fulfilled');
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        expect(outcome.reason.failure).toMatchObject({ code: 'conflict', details: { field: '/clientToken' } });
    }
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const [{ uuid } = { uuid: '' }] = (await client.ask(api.instance.list, {})).instances;
    const payload = await (await cloud.runtime.store.bucket('payload')).get(uuid);
    expect(payload?.value.adminPassword).toBe(['one', 'two', 'three', 'four'][won]);
  });
});
