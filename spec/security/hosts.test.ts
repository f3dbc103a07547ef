/**
 * What a host that is taken over does with its own credentials to what is another host's: it is refused, by whoever it
 * asks.
 */
import { join } from 'node:path';
import { headers } from 'nats';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startCloud } from '../../actors/cloud/cloud.ts';
import { startSimulatedHost } from '../../actors/cloud/compute-hosts.ts';
import { ensureFirstRecords } from '../../actors/cloud/first-records.ts';
import { ensureFirstAdmin } from '../../actors/identity/first-admin.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import { createRuntime, type Runtime } from '../../actors/runtime/runtime.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { controllerCalls, networkCalls } from '../../transport/messages/internal.ts';
import type { Call } from '../../transport/messages/kinds.ts';
import { buckets } from '../../transport/messages/records.ts';
import type { Bus, Message } from '../../transport/nats/bus.ts';
import { call } from '../../transport/nats/call.ts';
import { newContext, writeContext } from '../../transport/nats/call-context.ts';
import { streams, subjects } from '../../transport/nats/subjects.ts';
import { newHost, newInstance } from '../support/records.ts';
import { type SecuredNats, startSecuredNats } from '../support/secured-nats.ts';
import { eventually } from '../support/test-cloud.ts';

const { allocateForInstance, releaseForInstance } = networkCalls;
const { findPayload } = controllerCalls;
const secret = { adminPassword: 'correct horse' };
let nats: SecuredNats;
let runtime: Runtime;
let stop: () => Promise<void>;
/** The instance's host, and one that wants what it has. */
let owner: Bus;
let thief: Bus;
let count = 0;
let uuid: string;
let networks: { networkId: string; mac: string }[];

beforeAll(async () => {
  nats = await startSecuredNats();
  const bus = await nats.connectPart('up');
  runtime = await createRuntime({ bus, clock: systemClock, chance: systemChance, logger: createLogger('fatal') });
  await ensureFirstAdmin(runtime, join(nats.folder, 'admin-token'));
  await ensureFirstRecords(runtime, undefined);
  const cloud = await startCloud(runtime, { roles: ['controller', 'network'] });
  stop = async () => {
    await cloud.stop();
    await runtime.store.close();
  };
  const hosts = await runtime.store.bucket('host');
  for (const name of ['owner', 'thief']) await hosts.put(name, newHost(name));
  owner = await nats.connectPart('compute', 'owner');
  thief = await nats.connectPart('compute', 'thief');
});

afterAll(async () => {
  await stop?.();
  await nats?.stop();
});

beforeEach(async () => {
  uuid = nameUuid('test', String(++count));
  const [network] = await (await runtime.store.bucket('network')).keys();
  networks = [{ networkId: network ?? '', mac: `fa:16:3e:00:00:0${count}` }];
  const { chart, ...record } = newInstance(uuid, { networks, payload: uuid });
  await (await runtime.store.bucket('payload')).put(uuid, secret);
  const placed = { ...record, chart: { ...chart, value: 'running' }, owner: { host: 'owner' } };
  await (await runtime.store.bucket('instance')).put(uuid, placed);
});

function ask<Q, R>(bus: Bus, host: string, part: 'controller' | 'network', kind: Call<Q, R>, body: Q): Promise<R> {
  return call(bus, subjects.hostCall(part, host, kind.name), kind, body, newContext());
}

const wanted = (attempt = 1) => ({ instanceUuid: uuid, attempt });
const notThere = (host: string) => ({ failure: { code: 'conflict', details: { uuid, host } } });

it('is given the payload of no instance but its own', async () => {
  expect(await ask(owner, 'owner', 'controller', findPayload, { payload: uuid })).toEqual({ payload: secret });
  const stealing = ask(thief, 'thief', 'controller', findPayload, { payload: uuid });
  await expect(stealing).rejects.toMatchObject(notThere('thief'));
  const pretending = ask(thief, 'owner', 'controller', findPayload, { payload: uuid });
  await expect(pretending).rejects.toMatchObject({ failure: { code: 'forbidden' } });
});

it('is given the payload of no other instance by calling it that of its own', async () => {
  const { chart, ...record } = newInstance(nameUuid('test', 'decoy'), { payload: uuid });
  const decoy = { ...record, chart, owner: { host: 'thief' } };
  await (await runtime.store.bucket('instance')).put(record.uuid, decoy);
  const stealing = ask(thief, 'thief', 'controller', findPayload, { payload: uuid });
  await expect(stealing).rejects.toMatchObject(notThere('thief'));
});

it('takes no ports of another’s instance, and gives none back', async () => {
  const { ports } = await ask(owner, 'owner', 'network', allocateForInstance, wanted());
  for (const attempt of [1, 2, 99]) {
    const taking = ask(thief, 'thief', 'network', allocateForInstance, wanted(attempt));
    await expect(taking).rejects.toMatchObject(notThere('thief'));
    const releasing = ask(thief, 'thief', 'network', releaseForInstance, { instanceUuid: uuid, attempt });
    await expect(releasing).rejects.toMatchObject(notThere('thief'));
    const pretending = ask(thief, 'owner', 'network', releaseForInstance, { instanceUuid: uuid, attempt });
    await expect(pretending).rejects.toMatchObject({ failure: { code: 'forbidden' } });
  }
  const kept = await (await runtime.store.bucket('port')).get(ports[0]?.id ?? '');
  expect(kept?.value).toMatchObject({ host: 'owner', attempt: 1 });
  await ask(owner, 'owner', 'network', releaseForInstance, { instanceUuid: uuid, attempt: 1 });
});

it('has no say in which ports its instances are given', async () => {
  const subject = subjects.hostCall('network', 'owner', allocateForInstance.name);
  const chosen = { projectId: 'theirs', securityGroups: [], networks: [{ ...networks[0], fixedIp: '10.20.0.9' }] };
  const asked = JSON.stringify({ ...wanted(), ...chosen });
  const reply = await owner.request(subject, asked, { timeoutMs: 10_000, headers: writeContext(newContext()) });
  const answer: unknown = JSON.parse(Buffer.from(reply.data).toString());
  expect(answer).toMatchObject({ failure: { code: 'invalid_request' } });
  const { ports } = await ask(owner, 'owner', 'network', allocateForInstance, wanted());
  const given = await (await runtime.store.bucket('port')).get(ports[0]?.id ?? '');
  expect(given?.value).toMatchObject({ ...networks[0], projectId: 'project', securityGroups: ['default'] });
});

it('speaks in nobody’s name by having brought there what it has stored', async () => {
  const subject = subjects.controllerCall('user', 'create');
  const heard: Message[] = [];
  const { connection } = runtime.bus.nats;
  const listening = connection.subscribe(subject, { callback: (_error, message) => void heard.push(message) });
  await connection.flush();
  // What the controller does for an administrator whose request comes from an API server.
  const caller = { userId: 'admin', projectId: 'admin', roles: ['admin'] };
  const carried = writeContext({ ...newContext(), caller });
  const mine = JSON.stringify({ id: 'mine', name: 'mine' });
  await haveBrought(subject, mine, carried);
  await eventually(() => heard.length > 0 || undefined);
  listening.unsubscribe();
  expect(Buffer.from(heard[0]?.data ?? []).toString()).toBe(mine);

  // The same from an API server is done, after what came before it.
  const honest = JSON.stringify({ id: 'honest', name: 'honest' });
  const api = await nats.connectPart('api');
  await api.request(subject, honest, { timeoutMs: 10_000, headers: carried });
  expect((await (await runtime.store.bucket('user')).keys()).toSorted()).toEqual(['admin', 'honest']);
});

it.each([
  ['record', subjects.record(buckets.user.name, 'mine'), `KV_${buckets.user.name}`],
  ['cast', subjects.computeCast('owner', 'run_instance'), streams.casts.name],
])('makes no %s by having brought there what it has stored', async (_, target, stream) => {
  const heard: Message[] = [];
  const { connection, manager } = runtime.bus.nats;
  const listening = connection.subscribe(target, { callback: (_error, message) => void heard.push(message) });
  await connection.flush();
  await haveBrought(target, '{}');
  await eventually(() => heard.length > 0 || undefined);
  listening.unsubscribe();
  const { state } = await manager.streams.info(stream, { subjects_filter: '>' });
  expect(Object.keys(state.subjects ?? {})).not.toContain(target);
});

it('is not started as another host', async () => {
  const world = { bus: thief, clock: systemClock, chance: systemChance, logger: createLogger('silent') };
  const its = await createRuntime(world);
  const starting = startSimulatedHost(its, { name: 'somebody', availabilityZone: 'nova' });
  await expect(starting).rejects.toMatchObject({ failure: { code: 'forbidden' } });
  await its.store.close();
  expect(await (await runtime.store.bucket('host')).get('somebody')).toBeUndefined();
});

/** The thief writes it as an instance’s record, and has a consumer bring it to where it wants it. */
async function haveBrought(target: string, contents: string, carried = headers()): Promise<void> {
  const { connection } = thief.nats;
  const subject = subjects.record(buckets.instance.name, nameUuid('test', target));
  connection.publish(subject, contents, { headers: carried });
  const stream_name = `KV_${buckets.instance.name}`;
  const config = { filter_subject: subject, deliver_policy: 'all', deliver_subject: target, ack_policy: 'none' };
  await connection.request(`$JS.API.CONSUMER.CREATE.${stream_name}`, JSON.stringify({ stream_name, config }));
}
