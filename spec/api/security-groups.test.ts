import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Admissions } from '../../actors/controller/admissions.ts';
import { startController } from '../../actors/controller/controller.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import { api } from '../../transport/messages/api.ts';
import type { SecurityGroupRule } from '../../transport/messages/records.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud.stop());

let projects = 0;
const newClient = () => cloud.createUser(`groups-${++projects}`, ['member', 'reader']);

const refused = (asked: Promise<unknown>) =>
  asked.then(
    () => undefined,
    ({ failure }) => failure,
  );

async function setQuota(projectId: string, securityGroups: number): Promise<void> {
  await cloud.client.ask(api.project.create, { id: projectId, name: projectId }).catch(() => undefined);
  await cloud.client.ask(api.quota.set, { projectId, securityGroups });
}

const create = async (client: ApiClient, name: string) =>
  (await client.ask(api.securityGroup.create, { name })).securityGroup;
const namesOf = async (client: ApiClient) =>
  (await client.ask(api.securityGroup.list, {})).securityGroups.map(({ name }) => name);

describe('a security group', () => {
  it('lets everything out and nothing in when it is new', async () => {
    const client = await newClient();
    const { securityGroup } = await client.ask(api.securityGroup.create, { name: 'web', description: 'what is open' });
    expect(securityGroup).toMatchObject({ name: 'web', description: 'what is open' });
    expect(securityGroup.rules).toEqual([{ id: expect.any(String), direction: 'egress' }]);
    expect((await client.ask(api.securityGroup.get, { securityGroup: 'web' })).securityGroup).toEqual(securityGroup);
  });

  it('has a name that no other of the project has, whatever is in it', async () => {
    const [client, stranger] = [await newClient(), await newClient()];
    for (const name of ['a.b > c*', 'Ünïcode \u{1f4a5}', 'x'.repeat(255)]) {
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => refused(create(client, name))));
      const failures = outcomes.filter((outcome) => outcome !== undefined);
      expect(failures).toHaveLength(4);
      for (const failure of failures)
        expect(failure).toMatchObject({ code: 'already_exists', details: { field: '/name' } });
      expect(await refused(create(stranger, name))).toBeUndefined();
    }
    expect(await refused(create(client, 'default'))).toMatchObject({
      code: 'already_exists',
      details: { field: '/name' },
    });
  });

  it('is there for its project alone', async () => {
    const [client, stranger] = [await newClient(), await newClient()];
    const { rules } = await create(client, 'mine');
    const mine = { securityGroup: 'mine' };
    for (const asked of [
      stranger.ask(api.securityGroup.get, mine),
      stranger.ask(api.securityGroup.update, { ...mine, description: 'x' }),
      stranger.ask(api.securityGroup.addRule, { ...mine, direction: 'ingress' }),
      stranger.ask(api.securityGroup.removeRule, { ...mine, ruleId: rules[0]?.id ?? '' }),
      stranger.ask(api.securityGroup.delete, mine),
    ]) {
      expect(await refused(asked)).toMatchObject({ code: 'not_found', details: { field: '/securityGroup' } });
    }
    expect(await namesOf(stranger)).toEqual([]);
    expect(await refused(stranger.ask(api.securityGroup.list, { marker: 'mine' }))).toMatchObject({
      details: { field: '/marker' },
    });
    expect(await namesOf(client)).toEqual(['mine']);
  });

  it('is listed by name, in pages', async () => {
    const client = await newClient();
    for (const name of ['d', 'b', 'a', 'c', 'e']) await create(client, name);
    expect(await namesOf(client)).toEqual(['a', 'b', 'c', 'd', 'e']);
    const page = async (marker: string) =>
      (await client.ask(api.securityGroup.list, { limit: 2, marker })).securityGroups.map(({ name }) => name);
    expect([await page('b'), await page('d'), await page('e')]).toEqual([['c', 'd'], ['e'], []]);
  });

  it('is given another description', async () => {
    const client = await newClient();
    await create(client, 'web');
    const { securityGroup } = await client.ask(api.securityGroup.update, { securityGroup: 'web', description: 'new' });
    expect(securityGroup).toMatchObject({ name: 'web', description: 'new' });
  });

  it('counts against the quota, the default one too, and many at once cannot exceed it', async () => {
    const client = await newClient();
    const projectId = `groups-${projects}`;
    await setQuota(projectId, 4);
    await client.ask(api.securityGroup.addRule, { securityGroup: 'default', direction: 'ingress', protocol: 'tcp' });
    const second = await startController(await cloud.connect());
    try {
      const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
      const outcomes = await Promise.all(names.map((name) => refused(create(client, name))));
      const failures = outcomes.filter((outcome) => outcome !== undefined);
      expect(failures).toHaveLength(4);
      for (const failure of failures) {
        expect(failure).toMatchObject({ code: 'quota_exceeded', details: { resource: 'securityGroups', limit: 4 } });
      }
      // What was recorded and then refused is taken back.
      await expect.poll(() => namesOf(client)).toHaveLength(4);
    } finally {
      await second.stop();
    }
  });
});

describe('a rule', () => {
  let client: ApiClient;
  beforeAll(async () => {
    client = await newClient();
    for (const name of ['web', 'other']) await create(client, name);
  });
  type Rule = Omit<SecurityGroupRule, 'id' | 'direction'>;
  const add = (rule: Rule, securityGroup = 'web') =>
    client.ask(api.securityGroup.addRule, { securityGroup, direction: 'ingress', ...rule });

  it.each<[string, Rule, Partial<Rule>?]>([
    ['everything', {}],
    ['a protocol', { protocol: 'udp' }],
    ['one port', { protocol: 'tcp', fromPort: 22, toPort: 22 }],
    ['all ports', { protocol: 'tcp', fromPort: 1, toPort: 65535 }],
    ['a type of icmp', { protocol: 'icmp', fromPort: 0 }],
    ['a type and code of icmp', { protocol: 'icmp', fromPort: 255, toPort: 255 }],
    ['a block of IPv4', { cidr: '10.1.0.0/16' }],
    ['a block whose address is not its first', { protocol: 'tcp', cidr: '10.2.3.4/16' }, { cidr: '10.2.0.0/16' }],
    ['an address alone', { cidr: '10.3.0.1' }, { cidr: '10.3.0.1/32' }],
    ['the whole of IPv4', { cidr: '0.0.0.0/0' }],
    ['a block of IPv6', { cidr: '2001:DB8:0::1/32' }, { cidr: '2001:db8::/32' }],
    ['the whole of IPv6', { cidr: '::/0' }],
    ['an IPv6 address alone', { cidr: '::1' }, { cidr: '::1/128' }],
    ['the members of a group', { group: 'other' }],
    ['the members of its own group', { group: 'web', protocol: 'tcp' }],
    ['the members of the default group', { group: 'default' }],
  ])('is kept in its one usual form, once, and can be taken away: %s', async (_, rule, normal = rule) => {
    const before = (await client.ask(api.securityGroup.get, { securityGroup: 'web' })).securityGroup.rules;
    const { rules } = (await add(rule)).securityGroup;
    const added = rules.at(-1);
    expect(added).toEqual({ id: expect.any(String), direction: 'ingress', ...rule, ...normal });
    for (const again of [rule, { ...rule, ...normal }]) {
      expect(await refused(add(again))).toMatchObject({ code: 'already_exists' });
    }
    const removal = { securityGroup: 'web', ruleId: added?.id ?? '' };
    expect((await client.ask(api.securityGroup.removeRule, removal)).securityGroup.rules).toEqual(before);
    expect(await refused(client.ask(api.securityGroup.removeRule, removal))).toMatchObject({
      code: 'not_found',
      details: { field: '/ruleId' },
    });
  });

  it.each<[string, Rule, string]>([
    ['ports of no protocol', { fromPort: 1, toPort: 2 }, '/fromPort'],
    ['a last port of no protocol', { toPort: 2 }, '/toPort'],
    ['a first port alone', { protocol: 'tcp', fromPort: 1 }, '/toPort'],
    ['a last port alone', { protocol: 'udp', toPort: 1 }, '/fromPort'],
    ['ports the wrong way round', { protocol: 'tcp', fromPort: 2, toPort: 1 }, '/toPort'],
    ['port 0', { protocol: 'tcp', fromPort: 0, toPort: 1 }, '/fromPort'],
    ['too high a type of icmp', { protocol: 'icmp', fromPort: 256 }, '/fromPort'],
    ['too high a code of icmp', { protocol: 'icmp', fromPort: 0, toPort: 256 }, '/toPort'],
    ['a code of no type', { protocol: 'icmp', toPort: 0 }, '/fromPort'],
    ['a block and a group', { cidr: '10.0.0.0/8', group: 'other' }, '/group'],
    ['words for a block', { cidr: 'everywhere' }, '/cidr'],
    ['nothing for a block', { cidr: '' }, '/cidr'],
    ['too long a prefix', { cidr: '10.0.0.0/33' }, '/cidr'],
    ['too long a prefix of IPv6', { cidr: '::/129' }, '/cidr'],
    ['an address of three numbers', { cidr: '10.0.0/8' }, '/cidr'],
    ['an octal address', { cidr: '010.0.0.0/8' }, '/cidr'],
    ['an address with a zone', { cidr: 'fe80::1%eth0/64' }, '/cidr'],
    ['two blocks', { cidr: '10.0.0.0/8,11.0.0.0/8' }, '/cidr'],
  ])('is refused, naming the field: %s', async (_, rule, field) => {
    expect(await refused(add(rule))).toMatchObject({ code: 'invalid_request', details: { field } });
  });

  it('names a group of the project', async () => {
    const stranger = await newClient();
    await create(stranger, 'foreign');
    for (const group of ['none', 'foreign', '__proto__']) {
      expect(await refused(add({ group }))).toMatchObject({ code: 'not_found', details: { field: '/group' } });
    }
  });

  it('lands beside others that are added at once, by two controllers; the same is there once', async () => {
    await create(client, 'many');
    const second = await startController(await cloud.connect());
    try {
      const ports = Array.from({ length: 10 }, (_, index) => index + 1);
      const outcomes = await Promise.all(
        [...ports, ...ports].map((port) => refused(add({ protocol: 'tcp', fromPort: port, toPort: port }, 'many'))),
      );
      expect(outcomes.filter((outcome) => outcome === undefined)).toHaveLength(10);
      const { rules } = (await client.ask(api.securityGroup.get, { securityGroup: 'many' })).securityGroup;
      const added = rules.flatMap(({ fromPort }) => fromPort ?? []);
      expect(added.toSorted((a, b) => a - b)).toEqual(ports);
    } finally {
      await second.stop();
    }
  });

  it('is the last when a group has 200', async () => {
    const full = await create(client, 'full');
    const { store } = cloud.runtime;
    const [bucket, view] = [await store.bucket('securityGroup'), await store.view('securityGroup')];
    const entry = [...view.entries()].find(({ value }) => value.id === full.id);
    if (!entry) throw new Error('the group is there');
    const rules = Array.from({ length: 199 }, (_, index) => ({
      id: nameUuid('rule', String(index)),
      direction: 'ingress' as const,
      cidr: `10.0.0.${index}/32`,
    }));
    await view.reached(await bucket.put(entry.key, { ...entry.value, rules }));
    await add({ protocol: 'tcp' }, 'full');
    expect(await refused(add({ protocol: 'udp' }, 'full'))).toMatchObject({ code: 'quota_exceeded' });
  });
});

describe('the default group', () => {
  it('is there as soon as it is needed, and stays', async () => {
    const client = await newClient();
    expect(await refused(client.ask(api.securityGroup.delete, { securityGroup: 'default' }))).toMatchObject({
      code: 'conflict',
      details: { field: '/securityGroup' },
    });
    const { securityGroup } = await client.ask(api.securityGroup.addRule, {
      securityGroup: 'default',
      direction: 'ingress',
      protocol: 'tcp',
      fromPort: 22,
      toPort: 22,
    });
    expect(securityGroup.rules).toHaveLength(3);
    const { uuid } = await cloud.create({}, client);
    expect((await client.ask(api.instance.get, { uuid })).instance.securityGroups).toEqual(['default']);
    expect(await namesOf(client)).toEqual(['default']);
  });
});

describe('the deletion of a group', () => {
  it('is refused while an instance has it', async () => {
    const client = await newClient();
    await create(client, 'used');
    const { uuid } = await cloud.create({ securityGroups: ['used', 'default'] }, client);
    const remove = () => refused(client.ask(api.securityGroup.delete, { securityGroup: 'used' }));
    expect(await remove()).toMatchObject({ code: 'conflict', details: { field: '/securityGroup' } });
    await cloud.until(uuid, ({ state }) => state === 'running');
    expect(await remove()).toMatchObject({ code: 'conflict' });
    await client.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');
    expect(await remove()).toBeUndefined();
    expect(await namesOf(client)).toEqual(['default']);
    expect(await remove()).toMatchObject({ code: 'not_found' });
    expect(await refused(cloud.create({ securityGroups: ['default', 'used'] }, client))).toMatchObject({
      code: 'not_found',
      details: { field: '/securityGroups/1' },
    });
  });

  it('is refused while a rule of another names it; its own do not count', async () => {
    const client = await newClient();
    for (const name of ['a', 'b']) await create(client, name);
    const rule = { direction: 'ingress', group: 'b' } as const;
    await client.ask(api.securityGroup.addRule, { securityGroup: 'b', ...rule });
    const { securityGroup } = await client.ask(api.securityGroup.addRule, { securityGroup: 'a', ...rule });
    const remove = (name: string) => refused(client.ask(api.securityGroup.delete, { securityGroup: name }));
    expect(await remove('b')).toMatchObject({ code: 'conflict', details: { field: '/securityGroup' } });
    const ruleId = securityGroup.rules.at(-1)?.id ?? '';
    await client.ask(api.securityGroup.removeRule, { securityGroup: 'a', ruleId });
    expect(await remove('b')).toBeUndefined();
    expect(await namesOf(client)).toEqual(['a']);
  });

  it('waits for the instances that are just being created: they may have it', async () => {
    const client = await newClient();
    const projectId = `groups-${projects}`;
    await create(client, 'wanted');
    const admissions = await Admissions.open(await cloud.connect());
    const uuid = nameUuid('under way');
    await admissions.admit({ projectId, uuids: [uuid], min: 1, hostname: 'test', vcpus: 1, memoryMb: 1 });
    const remove = () => refused(client.ask(api.securityGroup.delete, { securityGroup: 'wanted' }));
    expect(await remove()).toMatchObject({ code: 'conflict', disposition: 'retry' });
    expect(await namesOf(client)).toEqual(['wanted']);
    await admissions.withdraw(projectId, [uuid]);
    expect(await remove()).toBeUndefined();
  });

  it('leaves no instance and no rule without its group, when one of another controller’s comes at the same time', async () => {
    const client = await newClient();
    const second = await startController(await cloud.connect());
    const ends = new Set<string>();
    try {
      await create(client, 'stays');
      for (let round = 0; round < 24; round++) {
        await create(client, 'goes');
        const turn = async (later: number) => {
          for (let each = 0; each < later; each++) await client.ask(api.role.list, {});
        };
        const [deleted, created, ruled] = await Promise.all([
          refused(client.ask(api.securityGroup.delete, { securityGroup: 'goes' })),
          turn(round % 8).then(() => refused(cloud.create({ securityGroups: ['goes'] }, client))),
          turn(round % 6).then(() =>
            refused(
              client.ask(api.securityGroup.addRule, { securityGroup: 'stays', direction: 'ingress', group: 'goes' }),
            ),
          ),
        ]);
        const { store } = cloud.runtime;
        for (const kind of ['securityGroup', 'instance'] as const) await (await store.view(kind)).caughtUp();
        const { instances } = await client.ask(api.instance.list, {});
        const { rules } = (await client.ask(api.securityGroup.get, { securityGroup: 'stays' })).securityGroup;
        const rule = rules.find(({ group }) => group === 'goes');
        const isThere = (await namesOf(client)).includes('goes');
        expect([isThere, deleted === undefined]).toEqual([deleted !== undefined, !isThere]);
        expect([instances.length, rule !== undefined]).toEqual([created ? 0 : 1, ruled === undefined]);
        if (!isThere) expect([instances.length, rule]).toEqual([0, undefined]);
        ends.add(isThere ? 'stays' : 'goes');

        for (const { uuid } of instances) {
          await cloud.until(uuid, ({ state }) => state === 'running');
          await client.ask(api.instance.delete, { uuid });
          await cloud.until(uuid, ({ state }) => state === 'deleted');
        }
        if (rule) await client.ask(api.securityGroup.removeRule, { securityGroup: 'stays', ruleId: rule.id });
        if (isThere) await client.ask(api.securityGroup.delete, { securityGroup: 'goes' });
      }
      expect([...ends].toSorted()).toEqual(['goes', 'stays']);
    } finally {
      await second.stop();
    }
  });
});
