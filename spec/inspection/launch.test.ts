/** What an inspector of Stately's sees of a whole cloud: a real nats-server, simulated hypervisors, and its own receiver. */
import type { StatelyActorEvent, StatelyInspectionEvent, StatelySnapshotEvent } from '@statelyai/inspect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnyStateMachine, createActor, createMachine } from 'xstate';
import { statePath } from '../../machines/instance-states.ts';
import { api } from '../../transport/messages/api.ts';
import { any, subjects } from '../../transport/nats/subjects.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { Receiver, watchFrom } from './support.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
  await cloud.client.ask(api.quota.set, { projectId: 'admin', instances: 1000, vcpus: 1000 });
});
afterAll(() => cloud.stop());

const isActor = (event: StatelyInspectionEvent): event is StatelyActorEvent => event.type === '@xstate.actor';
const isSnapshot = (event: StatelyInspectionEvent): event is StatelySnapshotEvent => event.type === '@xstate.snapshot';

/** The machine as the process of that part has it. */
const machineOf =
  (name: string, part: string) =>
  (event: StatelyInspectionEvent): event is StatelyActorEvent =>
    isActor(event) && event.name === name && event.sessionId.startsWith(`${part}-`);

async function launch(): Promise<string> {
  const { uuid } = await cloud.create();
  await cloud.until(uuid, ({ vmState, taskState }) => vmState === 'active' && taskState === undefined);
  return uuid;
}

/** Where an actor has stood, in the order in which it was told. */
function pathOf(receiver: Receiver, sessionId: string): string[] {
  const values = receiver.of(sessionId).flatMap((event) => ('snapshot' in event ? [stateOf(event)] : []));
  return values.filter((value, index) => value !== values[index - 1]);
}

function stateOf(event: StatelyActorEvent | StatelySnapshotEvent): string {
  const { value } = event.snapshot as { value?: never };
  return value === undefined ? '' : statePath(value);
}

function stands(at: string) {
  return (event: StatelyInspectionEvent) => 'snapshot' in event && stateOf(event) === at;
}

it('shows a launch: the actors, what they hear, and each state in its order', async () => {
  const receiver = new Receiver((await watchFrom(await cloud.connect())).url);
  await receiver.until(machineOf('host/host1', 'compute-host1'));
  const uuid = await launch();
  const name = `instance/${uuid}`;
  const placed = await receiver.until(machineOf(name, 'controller'));
  const { sessionId } = await receiver.until(machineOf(name, 'compute-host1'));
  await receiver.until((event) => event.sessionId === sessionId && stands('running')(event));

  expect(pathOf(receiver, placed.sessionId)).toEqual(['scheduling']);
  expect(pathOf(receiver, sessionId)).toEqual([
    'building.checking',
    'building.claiming',
    'networking',
    'mapping',
    ...[
      'preparingFilter',
      'creatingDisks',
      'creatingDomain',
      'enablingHairpin',
      'applyingFilter',
      'waitingForBoot',
    ].map((step) => `spawning.${step}`),
    'running',
  ]);
  // Each effect is there before it hears anything, says whose it is, and ends.
  const effects = receiver.events.filter(isActor).filter(({ parentId }) => parentId === sessionId);
  expect(effects.map((effect) => effect.name)).toContain('allocateNetwork');
  for (const effect of effects) {
    const [first, ...rest] = receiver.of(effect.sessionId);
    expect(first).toBe(effect);
    expect(rest.filter(isSnapshot).at(-1)?.snapshot.status).toBe('done');
  }
  // What has led to a state says so, from whom.
  const heard = receiver.of(sessionId).filter(({ type }) => type === '@xstate.event');
  expect(
    heard.every((event) => effects.some((effect) => 'sourceId' in event && event.sourceId === effect.sessionId)),
  ).toBe(true);
});

it('sends definitions that the same machines can be made of', async () => {
  const receiver = new Receiver((await watchFrom(await cloud.connect())).url);
  const host = await receiver.until(machineOf('host/host1', 'compute-host1'));
  const instance = await receiver.until((event) => isActor(event) && event.name.startsWith('instance/'));
  const [hostMachine, machine] = [host, instance as StatelyActorEvent].map(({ definition = '' }) =>
    createMachine(JSON.parse(definition)),
  );
  expect(createActor(hostMachine as AnyStateMachine).getSnapshot()).toMatchObject({
    value: { hypervisor: 'stopped', service: 'enabled' },
  });
  expect(machine?.id).toBe('instance');
  expect(Object.keys(machine?.states ?? {})).toContain('spawning');
  expect(machine?.getStateNodeById('instance.spawning.creatingDisks').description).toMatch(/overlay/);
  const claiming = machine?.resolveState({ value: { building: 'claiming' }, context: {} } as never);
  expect(claiming?.can({ type: 'host.lost' })).toBe(true);
  expect(claiming?.can({ type: 'instance.start' })).toBe(false);
});

it('tells only what the protocol knows', async () => {
  const receiver = new Receiver((await watchFrom(await cloud.connect())).url);
  const uuid = await launch();
  await receiver.until((event) => event.sessionId.endsWith(uuid) && stands('running')(event));
  expect([...new Set(receiver.events.map(({ type }) => type))].toSorted()).toEqual([
    '@xstate.actor',
    '@xstate.event',
    '@xstate.snapshot',
  ]);
  expect(receiver.events.every(({ _version }) => _version === '0.7.2')).toBe(true);
});

it('shows who comes late each machine as it stands, also those at rest', async () => {
  const uuid = await launch();
  const server = await watchFrom(await cloud.connect());
  const first = new Receiver(server.url);
  await first.until((event) => isActor(event) && event.name === `instance/${uuid}`);
  const second = new Receiver(server.url);
  const instance = await second.until(machineOf(`instance/${uuid}`, 'compute-host1'));
  const host = await second.until(machineOf('host/host1', 'compute-host1'));
  expect(instance.snapshot).toMatchObject({ status: 'active', value: 'running', context: { uuid, host: 'host1' } });
  expect(host.snapshot).toMatchObject({ status: 'active', value: { hypervisor: 'up', service: 'enabled' } });
  // Nothing else is told of them as long as nothing happens.
  expect(second.of(instance.sessionId)).toEqual([instance]);
});

it('goes on as the same actor when a machine that rests is woken, until it is deleted', async () => {
  const uuid = await launch();
  const receiver = new Receiver((await watchFrom(await cloud.connect())).url);
  const { sessionId } = await receiver.until(machineOf(`instance/${uuid}`, 'compute-host1'));
  await cloud.client.ask(api.instance.stop, { uuid });
  await receiver.until((event) => event.sessionId === sessionId && stands('stopped')(event));
  await cloud.client.ask(api.instance.delete, { uuid });
  const over = await receiver.until(
    (event) => isSnapshot(event) && event.sessionId === sessionId && event.snapshot.status !== 'active',
  );
  expect(over).toMatchObject({ snapshot: { status: 'done', value: 'deleted' } });
  expect(receiver.of(sessionId).filter(isActor)).toHaveLength(1);
  expect(
    pathOf(receiver, sessionId).filter((value) => ['running', 'stopping', 'stopped', 'deleted'].includes(value)),
  ).toEqual(['running', 'stopping', 'stopped', 'deleted']);
});

it('shows one machine to who asks for one', async () => {
  const [seen, other] = [await launch(), await launch()];
  const { url } = await watchFrom(await cloud.connect());
  const receiver = new Receiver(`${url}?instance=${seen}`);
  await receiver.until(machineOf(`instance/${seen}`, 'compute-host1'));
  await cloud.client.ask(api.instance.stop, { uuid: other });
  await cloud.until(other, ({ vmState }) => vmState === 'stopped');
  await cloud.client.ask(api.instance.stop, { uuid: seen });
  await receiver.until((event) => event.sessionId.endsWith(seen) && stands('stopped')(event));
  expect(receiver.events.filter(({ rootId }) => !rootId?.endsWith(seen))).toEqual([]);
});

it('sends who watches everything a definition once, and who watches one machine with each actor', async () => {
  const [uuid] = [await launch(), await launch()];
  const { url } = await watchFrom(await cloud.connect());
  const all = new Receiver(url);
  const one = new Receiver(`${url}?instance=${uuid}`);
  const both = await Promise.all([all, one].map((each) => each.until(machineOf(`instance/${uuid}`, 'compute-host1'))));
  expect(JSON.parse(both[1]?.definition ?? '').states).toBeDefined();
  const definitions = all.events
    .filter(isActor)
    .filter(({ name, sessionId }) => name.startsWith('instance/') && sessionId.startsWith('compute-host1-'))
    .map(({ definition = '' }) => JSON.parse(definition));
  expect(definitions.length).toBeGreaterThan(1);
  expect(definitions.filter(({ states }) => states !== undefined)).toHaveLength(1);
  expect(definitions.every(({ id }) => id === 'instance')).toBe(true);
});

it('sends nothing of what is put on a guest, nor of keys and tokens, whatever is done to it', async () => {
  const { bus } = await cloud.connect();
  let wire = '';
  bus.subscribe(subjects.inspectionFrame(any, any), ({ data }) => {
    wire += Buffer.from(data).toString();
  });
  const receiver = new Receiver((await watchFrom(await cloud.connect())).url);
  await receiver.until(isActor);
  const secrets = { adminPassword: 'plantedPassword', userData: 'cGxhbnRlZFVzZXJEYXRh', contents: 'cGxhbnRlZEZpbGU=' };
  const { adminPassword, userData, contents } = secrets;
  const files = [{ path: '/etc/planted', contents }];
  const { privateKey = '', keyPair } = await cloud.client.ask(api.keyPair.create, { name: 'planted' });
  const { uuid } = await cloud.create({ adminPassword, userData, files, keyName: 'planted' });
  await cloud.until(uuid, ({ vmState }) => vmState === 'active');
  await cloud.client.ask(api.instance.rebuild, {
    uuid,
    image: 'simulated',
    adminPassword: `${adminPassword}2`,
    userData,
  });
  await receiver.until((event) => 'snapshot' in event && stateOf(event).startsWith('rebuilding'));
  await cloud.until(uuid, ({ vmState, taskState }) => vmState === 'active' && taskState === undefined);
  await cloud.client.ask(api.instance.delete, { uuid });
  await receiver.until((event) => event.sessionId.endsWith(uuid) && stands('deleted')(event));
  const plain = Object.values(secrets).map((each) => Buffer.from(each, 'base64').toString());
  const kept = [...Object.values(secrets), ...plain, '/etc/planted', privateKey, keyPair.publicKey, cloud.token];
  expect(wire).toContain(uuid);
  for (const text of [wire, JSON.stringify(receiver.events)]) {
    expect(kept.filter((secret) => text.includes(secret))).toEqual([]);
    expect(text).not.toMatch(/PRIVATE KEY/);
  }
});

describe('a cloud that nobody watches', () => {
  /** How many frames were published until something else had been. */
  async function framesDuring(work: () => Promise<unknown>): Promise<number> {
    let count = 0;
    const { bus } = await cloud.connect();
    const subscription = bus.subscribe('cloud.inspect.frame.*.*', () => count++);
    await bus.nats.connection.flush();
    await work();
    await cloud.runtime.bus.nats.connection.flush();
    await bus.nats.connection.flush();
    subscription.unsubscribe();
    return count;
  }

  it('says nothing of its machines', async () => {
    expect(await framesDuring(launch)).toBe(0);
  });

  it('falls silent when the last of those who watched has gone', async () => {
    const server = await watchFrom(await cloud.connect());
    const receiver = new Receiver(server.url);
    await receiver.until(isActor);
    expect(await framesDuring(launch)).toBeGreaterThan(0);
    for (const socket of server.sockets) socket.terminate();
    await eventually(async () => ((await framesDuring(launch)) === 0 ? true : undefined));
  });

  it('falls silent when whoever watched is not heard of any more', async () => {
    const { bus } = await cloud.connect();
    const lease = { watcher: '00000000-0000-4000-8000-000000000000', leaseMs: 300 };
    const framed = framesDuring(async () => {
      bus.send(subjects.inspectionWatch(), JSON.stringify(lease));
      await bus.nats.connection.flush();
      await launch();
    });
    expect(await framed).toBeGreaterThan(0);
    await eventually(async () => ((await framesDuring(launch)) === 0 ? true : undefined));
  });
});
