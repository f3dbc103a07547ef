import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../transport/messages/api/endpoint.ts';
import { api, endpoints } from '../../transport/messages/api.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { enqueue } from '../../transport/nats/cast.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { newHost } from '../support/records.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { type BareClient, connectBare } from './bare-client.ts';

let cloud: TestCloud;
let bare: BareClient;
/** The operator of the cloud. */
let operator: string;
/** Somebody in a project. */
let alice: string;
beforeAll(async () => {
  cloud = await startTestCloud();
  bare = await connectBare(cloud.url);
  operator = cloud.token;
});
afterAll(async () => {
  await bare.close();
  await cloud.stop();
});

const asked = new Set<string>();

/** Asks, and checks that the answer is a success of the shape that is promised. */
async function succeed<Q, R>(token: string, endpoint: Endpoint<Q, R>, request: Q): Promise<R> {
  asked.add(endpoint.name);
  const { body, failure, code } = await bare.as(token)(endpoint.name, request);
  expect([endpoint.name, failure, code]).toEqual([endpoint.name, undefined, undefined]);
  return endpoint.reply.check(body);
}

/** One story: each part of it goes on from the one before. */
describe('clients that are nothing but NATS connections', () => {
  it('find out what can be asked, without a token', async () => {
    const { endpoints: told } = await succeed('', api.schema.list, {});
    expect(told.map(({ subject }) => subject)).toEqual(endpoints.map(({ name }) => `cloud.api.v1.${name}`));
    const { endpoint } = await succeed('', api.schema.get, { subject: 'cloud.api.v1.instance.create' });
    expect(endpoint.request).toMatchObject({ required: ['name', 'flavor', 'image'] });
    const { document } = await succeed('', api.schema.document, {});
    expect(document).toMatchObject({ asyncapi: '3.0.0', info: { title: 'Kilonova' } });
  });

  it('make a project and a user in it, who gets a token', async () => {
    expect((await succeed(operator, api.token.get, {})).roles).toContain('admin');
    expect((await succeed(operator, api.role.list, {})).roles.map(({ name }) => name)).toContain('member');
    await succeed(operator, api.project.create, { id: 'demo', name: 'demonstrations' });
    await succeed(operator, api.project.update, { id: 'demo', name: 'Demonstrations' });
    expect((await succeed(operator, api.project.get, { id: 'demo' })).project.name).toBe('Demonstrations');
    expect((await succeed(operator, api.project.list, {})).projects.map(({ id }) => id)).toContain('demo');
    await succeed(operator, api.user.create, { id: 'alice', name: 'alice' });
    await succeed(operator, api.user.update, { id: 'alice', name: 'Alice' });
    await succeed(operator, api.user.grant, { id: 'alice', projectId: 'demo', role: 'reader' });
    const { user } = await succeed(operator, api.user.grant, { id: 'alice', projectId: 'demo', role: 'member' });
    expect(user.roles.demo?.toSorted()).toEqual(['member', 'reader']);
    await succeed(operator, api.user.revoke, { id: 'alice', projectId: 'demo', role: 'reader' });
    expect((await succeed(operator, api.user.list, {})).users.map(({ name }) => name)).toContain('Alice');
    ({ secret: alice } = await succeed(operator, api.token.create, { userId: 'alice', projectId: 'demo' }));
    expect((await succeed(alice, api.user.get, {})).user).toMatchObject({ id: 'alice', roles: { demo: ['member'] } });
    expect((await succeed(alice, api.token.list, {})).tokens).toHaveLength(1);
    await succeed(operator, api.user.update, { id: 'alice', password: 'the first one' });
    await succeed(alice, api.user.setPassword, { oldPassword: 'the first one', password: 'her own one' });
    const { secret } = await succeed('', api.session.create, { user: 'Alice', password: 'her own one' });
    expect((await succeed(secret, api.token.list, {})).tokens).toHaveLength(2);
  });

  it('say what the project may have', async () => {
    const { quota } = await succeed(operator, api.quota.set, { projectId: 'demo', instances: 3 });
    expect(quota.instances).toEqual({ limit: 3, used: 0 });
    await succeed(operator, api.quota.reset, { projectId: 'demo' });
    expect((await succeed(alice, api.quota.get, {})).quota.instances.limit).not.toBe(3);
  });

  it('order the hosts', async () => {
    const host = 'host1';
    expect((await succeed(operator, api.host.list, {})).hosts).toMatchObject([{ name: host, isAlive: true }]);
    await succeed(operator, api.host.disable, { host, reason: 'a disk is to be changed' });
    await succeed(operator, api.host.drain, { host, reason: 'it is to be replaced' });
    expect((await succeed(operator, api.host.get, { host })).host.service).toBe('draining');
    await succeed(operator, api.host.enable, { host });
    const { facts } = await succeed(operator, api.host.facts, { host });
    expect(facts.at(0)?.fact).toMatchObject({ host, type: 'transition' });
    const { aggregate } = await succeed(operator, api.aggregate.create, { name: 'slow', metadata: { ssd: 'true' } });
    await succeed(operator, api.aggregate.addHost, { aggregate: aggregate.id, host });
    await succeed(operator, api.aggregate.update, { aggregate: 'slow', name: 'fast', availabilityZone: 'fast' });
    expect((await succeed(operator, api.aggregate.list, {})).aggregates).toMatchObject([{ name: 'fast' }]);
    expect((await succeed(alice, api.zone.list, {})).zones).toEqual([{ name: 'fast', isAvailable: true }]);
    await succeed(operator, api.aggregate.removeHost, { aggregate: 'fast', host });
    expect((await succeed(operator, api.aggregate.get, { aggregate: 'fast' })).aggregate.hosts).toEqual([]);
    await succeed(operator, api.aggregate.delete, { aggregate: 'fast' });
    await cloud.write('host', 'gone', newHost('gone', { down: { since: 1 } }));
    expect((await succeed(operator, api.host.evacuate, { host: 'gone' })).host).toMatchObject({ instances: 0 });
    await succeed(operator, api.host.delete, { host: 'gone' });
  });

  it('make flavors', async () => {
    await succeed(operator, api.flavor.create, { id: 'mine', name: 'm1.mine', vcpus: 1, memoryMb: 64, rootGb: 0 });
    expect((await succeed(alice, api.flavor.get, { flavor: 'm1.mine' })).flavor.id).toBe('mine');
    expect((await succeed(alice, api.flavor.list, {})).flavors[0]?.name).toBe('m1.mine');
  });

  it('upload an image', async () => {
    const bytes = Buffer.alloc(1024 * 1024, 'a disk ');
    const disk = { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    const { image } = await succeed(alice, api.image.create, { name: 'my own', diskFormat: 'raw', disk });
    expect(image.missing).toEqual(['disk']);
    const upload = (offset: number, data: Buffer) =>
      succeed(alice, api.image.upload, { image: image.id, file: 'disk', offset, data: data.toString('base64') });
    const { chunkBytes } = await upload(0, bytes.subarray(0, 384 * 1024));
    for (let offset = chunkBytes; offset < bytes.length; offset += chunkBytes)
      await upload(offset, bytes.subarray(offset, offset + chunkBytes));
    await expect
      .poll(async () => (await succeed(alice, api.image.finish, { image: image.id })).image.status)
      .toBe('active');
    await succeed(alice, api.image.update, { image: 'my own', name: 'mine' });
    expect((await succeed(alice, api.image.get, { image: image.id })).image).toMatchObject({ name: 'mine', disk });
    expect((await succeed(alice, api.image.list, { name: 'mine' })).images).toHaveLength(1);
  });

  it('prepare what an instance is to have', async () => {
    expect((await succeed(alice, api.keyPair.create, { name: 'key' })).privateKey).toContain('PRIVATE KEY');
    expect((await succeed(alice, api.keyPair.get, { name: 'key' })).keyPair.name).toBe('key');
    expect((await succeed(alice, api.keyPair.list, {})).keyPairs).toHaveLength(1);
    await succeed(alice, api.securityGroup.create, { name: 'web' });
    const web = { securityGroup: 'web' };
    const http = { ...web, direction: 'ingress', protocol: 'tcp', fromPort: 80, toPort: 80 } as const;
    const { securityGroup } = await succeed(alice, api.securityGroup.addRule, http);
    const rule = securityGroup.rules.find(({ fromPort }) => fromPort === 80);
    await succeed(alice, api.securityGroup.removeRule, { ...web, ruleId: rule?.id ?? '' });
    await succeed(alice, api.securityGroup.update, { ...web, description: 'for the web' });
    expect((await succeed(alice, api.securityGroup.get, web)).securityGroup.description).toBe('for the web');
    expect((await succeed(alice, api.securityGroup.list, {})).securityGroups.map(({ name }) => name)).toContain('web');
    const { serverGroup } = await succeed(alice, api.serverGroup.create, { name: 'apart', policy: 'anti-affinity' });
    expect((await succeed(alice, api.serverGroup.get, { serverGroup: 'apart' })).serverGroup).toEqual(serverGroup);
    expect((await succeed(alice, api.serverGroup.list, {})).serverGroups).toEqual([serverGroup]);
    const { networks } = await succeed(alice, api.network.list, {});
    const [{ id: network } = { id: '' }] = networks;
    expect((await succeed(alice, api.network.get, { network })).network.subnetIds).toHaveLength(1);
    expect((await succeed(alice, api.subnet.list, { network })).subnets).toMatchObject([{ networkId: network }]);
  });

  it('take an instance through all its commands', async () => {
    const { serverGroups } = await succeed(alice, api.serverGroup.list, {});
    const { instances } = await succeed(alice, api.instance.create, {
      ...{ name: 'web', image: 'simulated', flavor: 'm1.micro', keyName: 'key', securityGroups: ['web'] },
      hints: { group: serverGroups[0]?.id ?? '' },
    });
    const uuid = instances[0]?.uuid ?? '';
    const reach = (state: string) => cloud.until(uuid, (instance) => instance.state === state);
    await reach('running');
    for (const [verb, state] of [
      ['pause', 'paused'],
      ['unpause', 'running'],
      ['suspend', 'suspended'],
      ['resume', 'running'],
      ['stop', 'stopped'],
      ['start', 'running'],
      ['reboot', 'running'],
    ] as const) {
      const { instance } = await succeed(alice, api.instance[verb], { uuid });
      expect(instance.uuid).toBe(uuid);
      await reach(state);
    }
    await succeed(alice, api.instance.rebuild, { uuid, image: 'mine' });
    await reach('running');
    await succeed(alice, api.instance.resize, { uuid, flavor: 'm1.tiny' });
    await reach('resized.running');
    await succeed(alice, api.instance.revertResize, { uuid });
    await reach('running');
    await succeed(alice, api.instance.resize, { uuid, flavor: 'm1.mine' });
    await reach('resized.running');
    await succeed(alice, api.instance.confirmResize, { uuid });
    const { flavor } = await reach('running');
    expect(flavor.name).toBe('m1.mine');
    await succeed(alice, api.instance.update, { uuid, name: 'web 2', tags: ['blue'] });
    await succeed(alice, api.instance.lock, { uuid, reason: 'it is busy' });
    expect((await succeed(alice, api.instance.get, { uuid })).instance.lock?.reason).toBe('it is busy');
    await succeed(alice, api.instance.unlock, { uuid });
    expect((await succeed(alice, api.instance.list, { name: 'web 2' })).instances).toHaveLength(1);
    const counted = [{ state: 'running', vmState: 'active', count: 1 }];
    expect((await succeed(alice, api.instance.count, {})).states).toEqual(counted);
    expect((await succeed(alice, api.address.list, { instanceUuid: uuid })).addresses).toHaveLength(1);
    expect((await succeed(alice, api.instance.openConsole, { uuid, kind: 'serial' })).console.token).not.toBe('');
    expect((await succeed(alice, api.instance.consoleLog, { uuid, maxBytes: 100 })).output).not.toBe('');
    await succeed(alice, api.instance.delete, { uuid });
    await reach('deleted');
    const { actions } = await succeed(alice, api.instance.actions, { uuid });
    expect(actions.map(({ action }) => action)).toEqual(expect.arrayContaining(['create', 'resize', 'delete']));
    const { facts } = await succeed(alice, api.fact.list, { uuid });
    expect(facts.at(-1)?.fact).toMatchObject({ uuid, to: 'deleted' });
  });

  it('look after what could not be applied', async () => {
    const subject = subjects.computeCast('host1', 'command_instance');
    const all = async () => (await succeed(operator, api.deadLetter.list, {})).deadLetters;
    for (const verb of ['replay', 'delete'] as const) {
      await enqueue(cloud.runtime.bus, subject, '{}', { id: verb, context: newContext() });
      await expect.poll(async () => (await all()).length).toBe(1);
      const [{ id } = { id: '' }] = await all();
      expect((await succeed(operator, api.deadLetter.get, { id })).deadLetter.body).toEqual({});
      await succeed(operator, api.deadLetter[verb], { id });
      if (verb === 'delete') expect(await all()).toEqual([]);
      else {
        await expect.poll(async () => (await all()).length).toBe(1);
        await succeed(operator, api.deadLetter.delete, { id: (await all())[0]?.id ?? '' });
      }
    }
  });

  it('clean up, and go', async () => {
    await succeed(alice, api.keyPair.delete, { name: 'key' });
    await succeed(alice, api.serverGroup.delete, { serverGroup: 'apart' });
    await succeed(alice, api.securityGroup.delete, { securityGroup: 'web' });
    await succeed(alice, api.image.delete, { image: 'mine' });
    await succeed(operator, api.flavor.delete, { flavor: 'mine' });
    const { token } = await succeed(alice, api.token.get, {});
    await succeed(alice, api.token.revoke, { id: token.id });
    expect((await bare.as(alice)('token.get', {})).failure?.code).toBe('unauthenticated');
    await succeed(operator, api.project.delete, { id: 'demo' });
    await succeed(operator, api.user.delete, { id: 'alice' });
    expect((await succeed(operator, api.user.list, {})).users.map(({ id }) => id)).toEqual(['admin']);
  });

  it('have now asked every endpoint that there is', () => {
    // What needs a host that is really down, or a server that has users, has stories of its own: host-down, security.
    const elsewhere: string[] = [api.instance.evacuate.name, api.token.natsUser.name];
    const names = endpoints.map(({ name }) => name).filter((name) => !elsewhere.includes(name));
    expect([...asked].toSorted()).toEqual(names.toSorted());
  });

  it('are answered with their own request id, when that is well-formed', async () => {
    const ask = bare.as(operator);
    const requestId = 'req-01234567-89ab-cdef-0123-456789abcdef';
    const kept = await ask('instance.get', {}, { 'X-Request-Id': requestId });
    expect(kept.requestId).toBe(requestId);
    const replaced = await ask('instance.get', {}, { 'X-Request-Id': 'req-$(reboot)' });
    expect(replaced.requestId).toMatch(/^req-[0-9a-f-]{36}$/);
  });
});
