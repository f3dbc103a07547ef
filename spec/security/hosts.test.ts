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
import { lifeOf } from '../../actors/instance/life.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import { createRuntime, type Runtime } from '../../actors/runtime/runtime.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import {
  controllerCalls,
  facts,
  type InstanceFact,
  networkCalls,
  type ToldFact,
} from '../../transport/messages/internal.ts';
import type { Call } from '../../transport/messages/kinds.ts';
import { buckets, type Instance, type InstanceLife } from '../../transport/messages/records.ts';
import type { Entry } from '../../transport/nats/bucket.ts';
import type { Bus, Message } from '../../transport/nats/bus.ts';
import { call } from '../../transport/nats/call.ts';
import { newContext, writeContext } from '../../transport/nats/call-context.ts';
import { replayFacts } from '../../transport/nats/fact.ts';
import { streams, subjects } from '../../transport/nats/subjects.ts';
import { moved, newHost, placedInstance } from '../support/records.ts';
import { type SecuredNats, startSecuredNats } from '../support/secured-nats.ts';
import { eventually } from '../support/test-cloud.ts';

const { allocateForInstance, releaseForInstance } = networkCalls;
const { findPayload, storeInstance } = controllerCalls;
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
let placed: Instance;
let revision: number;

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
  networks = [{ networkId: network ?? '', mac: `fa:16:3e:00:00:${10 + count}` }];
  await (await runtime.store.bucket('payload')).put(uuid, secret);
  ({ value: placed, revision } = await stored(placedInstance(uuid, 'owner', { networks, payload: uuid })));
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
  const decoy = placedInstance(nameUuid('test', 'decoy'), 'thief', { payload: uuid });
  await (await runtime.store.bucket('instance')).put(decoy.uuid, decoy);
  const stealing = ask(thief, 'thief', 'controller', findPayload, { payload: uuid });
  await expect(stealing).rejects.toMatchObject(notThere('thief'));
});

const storedNow = async () => (await runtime.store.bucket('instance')).get(uuid);

async function stored(record: Instance): Promise<Entry<Instance>> {
  const bucket = await runtime.store.bucket('instance');
  await bucket.put(record.uuid, record);
  return (await bucket.get(record.uuid)) as Entry<Instance>;
}

function begun(): Instance {
  const checked = { type: 'xstate.done.actor.0.instance.building.checking', output: { at: placed.createdAt } };
  return JSON.parse(JSON.stringify(moved(placed, checked as never)));
}

function told(name: string, more: Partial<InstanceFact> = {}): ToldFact {
  const { projectId, vmState } = placed;
  const fact = {
    type: 'transition',
    uuid,
    projectId,
    name,
    at: 1,
    to: 'building.claiming',
    vmState,
    attempt: 1,
    requestId: 'r',
  };
  return { id: `1.${name}`, fact: { ...fact, ...more } };
}

it('has stored how its own instance goes on, and told what happened to it, once', async () => {
  const life = lifeOf({ ...begun(), lastCommand: uuid });
  const first = await ask(owner, 'owner', 'controller', storeInstance, { life, revision, facts: [told('1')] });
  expect(await storedNow()).toMatchObject({ revision: first.revision, value: { ...placed, ...life } });
  // Not having heard, it asks again, a little later.
  const later = { life: { ...life, updatedAt: life.updatedAt + 1 }, revision, facts: [told('1')] };
  expect(await ask(owner, 'owner', 'controller', storeInstance, later)).toEqual(first);
  expect((await storedNow())?.revision).toBe(first.revision);
  const next = { ...life, steps: (life.steps ?? 0) + 1 };
  const again = { life: next, revision: first.revision ?? 0, facts: [told('1'), told('2')] };
  await ask(owner, 'owner', 'controller', storeInstance, again);
  const captured = await eventually(async () => {
    const names = await namesTold();
    return names.includes('2') ? names : undefined;
  });
  expect(captured).toEqual(['1', '2']);
});

async function namesTold(): Promise<(string | undefined)[]> {
  const subject = subjects.instanceFact(placed.projectId, uuid);
  const names: (string | undefined)[] = [];
  for await (const { body } of replayFacts(runtime.bus, subject, facts.instance)) names.push(body?.name);
  return names;
}

it('changes nothing that a client has asked for', async () => {
  const life = { ...lifeOf(begun()), name: 'mine', projectId: 'mine' };
  const reply = await owner.request(
    subjects.hostCall('controller', 'owner', storeInstance.name),
    JSON.stringify({ life, revision, facts: [] }),
    { timeoutMs: 10_000, headers: writeContext(newContext()) },
  );
  const answer: unknown = JSON.parse(Buffer.from(reply.data).toString());
  expect(answer).toMatchObject({ failure: { code: 'invalid_request', details: { field: '/life/name' } } });
  expect(await storedNow()).toMatchObject({ revision, value: placed });
});

it('goes on with no instance but its own', async () => {
  const body = { life: lifeOf(begun()), revision, facts: [told('1')] };
  expect(await ask(thief, 'thief', 'controller', storeInstance, body)).toEqual({});
  const taking = { ...body, life: { ...body.life, owner: { host: 'thief' } } };
  expect(await ask(thief, 'thief', 'controller', storeInstance, taking)).toEqual({});
  const pretending = ask(thief, 'owner', 'controller', storeInstance, body);
  await expect(pretending).rejects.toMatchObject({ failure: { code: 'forbidden' } });
  expect(await storedNow()).toMatchObject({ revision, value: placed });
});

const other = nameUuid('test', 'other');
const fault = { code: 'internal', message: 'it broke', disposition: 'abort', step: 'spawning', at: 1 };

it.each<[string, string, (life: InstanceLife) => Partial<InstanceLife>, Partial<InstanceFact>]>([
  ['is given to another host', '/life/owner', () => ({ owner: { host: 'thief' } }), {}],
  ['is given to another host in its chart, too', '/life/chart/context/host', () => onOtherHost(), {}],
  ['is the control plane’s in a state that is a host’s', '/life/owner', () => ({ owner: 'control' }), {}],
  ['has another’s chart', '/life/chart/context/uuid', withContext({ uuid: other }), {}],
  ['comes from another host', '/life/chart/context/lostHost', withContext({ lostHost: 'thief' }), {}],
  ['goes back to an earlier attempt', '/life/chart/context/attempt', withContext({ attempt: 1 }), {}],
  ['goes back to an earlier step', '/life/steps', () => ({ steps: 0 }), {}],
  ['goes back in time', '/life/updatedAt', () => ({ updatedAt: 1 }), {}],
  ['has another’s payload', '/life/payload', () => ({ payload: other }), {}],
  ['has another’s payload in its chart', '/life/payload', withContext({ payload: other }), {}],
  [
    'has an effect of another instance',
    '/life/chart/children/checkLaunch',
    withEffect('checkLaunch', { uuid: other }),
    {},
  ],
  [
    'has an effect of another attempt',
    '/life/chart/children/checkLaunch',
    withEffect('checkLaunch', { attempt: 9 }),
    {},
  ],
  ['has an effect of another state', '/life/chart/children/releaseNetwork', withEffect('releaseNetwork', {}), {}],
  [
    'has an effect without an end',
    '/life/chart/children/checkLaunch',
    withEffect('checkLaunch', { deadline: 8e15 }),
    {},
  ],
  ['has an effect that is none', '/life/chart/children/x/src', withChildren({ x: {} }), {}],
  [
    'was tried in vain for no reason',
    '/life/chart/context/tried/0/failure',
    withContext({ tried: [{ host: 'x' }] }),
    {},
  ],
  ['has failed at no time', '/life/chart/context/fault/at', withContext({ fault: { ...fault, at: 'never' } }), {}],
  ['knows what no chart knows', '/life/chart/context/mine', withContext({ mine: 1 }), {}],
  ['has facts of another instance', '/facts/0', () => ({}), { uuid: other }],
  ['has facts for another project', '/facts/0', () => ({}), { projectId: 'other' }],
])('is refused a life that %s', async (_, field, change, more) => {
  const { chart } = placed;
  const again = { ...placed, chart: { ...chart, context: { ...chart.context, attempt: 2 } } };
  const { value: second, revision } = await stored(again);
  const life = { ...lifeOf(second), steps: (second.steps ?? 0) + 1, chart: { ...second.chart, children: {} } };
  const body = { life: { ...life, ...change(life) }, revision, facts: [told('1', more)] };
  const asking = ask(owner, 'owner', 'controller', storeInstance, body);
  await expect(asking).rejects.toMatchObject({ failure: { code: 'invalid_request', details: { field } } });
  expect(await storedNow()).toMatchObject({ revision, value: second });
});

function withContext(more: Record<string, unknown>) {
  return ({ chart }: InstanceLife) => ({ chart: { ...chart, context: { ...chart.context, ...more } } });
}

function withChildren(children: Record<string, unknown>) {
  return ({ chart }: InstanceLife) => ({ chart: { ...chart, children } });
}

function withEffect(src: string, more: object) {
  return (life: InstanceLife) => {
    const input = { uuid, attempt: 2, deadline: life.updatedAt, ...more };
    return withChildren({ [src]: { src, syncSnapshot: false, snapshot: { status: 'active', input } } })(life);
  };
}

function onOtherHost(): Partial<InstanceLife> {
  const { owner, chart } = placedInstance(uuid, 'thief');
  return { owner, chart: { ...chart, context: { ...chart.context, attempt: 2 }, children: {} } };
}

/** As the life goes on when its host has no room: the control plane has it then. */
function handedOver(): Instance {
  const failure = { code: 'unavailable', message: 'no room', disposition: 'reschedule' } as const;
  const full = { type: 'xstate.error.actor.0.instance.building.checking', error: { ...failure, at: 1 } };
  const freed = { type: 'xstate.done.actor.0.instance.releasing.releasingClaim', output: { at: 1 } };
  const record = moved(moved(placed, full as never), freed as never);
  expect(record).toMatchObject({ owner: 'control', chart: { value: 'scheduling' } });
  return JSON.parse(JSON.stringify({ ...record, steps: (placed.steps ?? 0) + 1 }));
}

const countCasts = async () => (await runtime.bus.nats.manager.streams.info(streams.casts.name)).state.messages;

it('has what it gives out of its hands placed by a controller', async () => {
  const before = await countCasts();
  await ask(owner, 'owner', 'controller', storeInstance, { life: lifeOf(handedOver()), revision, facts: [] });
  await eventually(async () => (await countCasts()) === before + 1 || undefined);
});

it('has it placed and told of by another, when the one that stored it has died over that', async () => {
  const before = await countCasts();
  const record = { ...handedOver(), updatedAt: Date.now() };
  const { revision: handed } = await stored(record);
  const life = { ...lifeOf(record), updatedAt: record.updatedAt + 1 };
  const again = { life, revision, facts: [told('given-back')] };
  expect(await ask(owner, 'owner', 'controller', storeInstance, again)).toEqual({ revision: handed });
  await eventually(async () => (await countCasts()) === before + 1 || undefined);
  await eventually(async () => (await namesTold()).includes('given-back') || undefined);
});

it('tells nothing again so late that it would be kept twice', async () => {
  const long = Date.now() - 120_000;
  ({ value: placed, revision } = await stored({ ...placed, createdAt: long, updatedAt: long }));
  const record = { ...handedOver(), updatedAt: long };
  const { revision: handed } = await stored(record);
  const again = { life: lifeOf(record), revision, facts: [told('late')] };
  expect(await ask(owner, 'owner', 'controller', storeInstance, again)).toEqual({ revision: handed });
  expect(await namesTold()).not.toContain('late');
});

it('has no more say over what it gave out of its hands when others have gone on with it', async () => {
  const record = handedOver();
  await stored(record);
  const { revision: latest } = await stored({ ...record, steps: (record.steps ?? 0) + 1 });
  const again = { life: lifeOf(record), revision, facts: [told('too-late')] };
  expect(await ask(owner, 'owner', 'controller', storeInstance, again)).toEqual({});
  // Nor has another host, which says what this one said.
  expect(await ask(thief, 'thief', 'controller', storeInstance, again)).toEqual({});
  expect((await storedNow())?.revision).toBe(latest);
  expect(await namesTold()).not.toContain('too-late');
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

/** The thief writes it as its host’s record, and has a consumer bring it to where it wants it. */
async function haveBrought(target: string, contents: string, carried = headers()): Promise<void> {
  const { connection } = thief.nats;
  const subject = subjects.record(buckets.host.name, 'thief');
  connection.publish(subject, contents, { headers: carried });
  const stream_name = `KV_${buckets.host.name}`;
  const config = { filter_subject: subject, deliver_policy: 'all', deliver_subject: target, ack_policy: 'none' };
  await connection.request(`$JS.API.CONSUMER.CREATE.${stream_name}`, JSON.stringify({ stream_name, config }));
}
