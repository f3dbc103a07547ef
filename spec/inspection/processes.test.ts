/** Watching over a real nats-server: several processes, several watchers, and what becomes of it when one of them goes. */
import type { StatelyActorEvent } from '@statelyai/inspect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Actor, createActor, createMachine, fromPromise } from 'xstate';
import { Inspection } from '../../actors/runtime/inspection.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import type { Inspected } from '../../actors/runtime/machine-teller.ts';
import { InspectionClient } from '../../actors/web/inspection-client.ts';
import { InspectionWatch } from '../../actors/web/inspection-watch.ts';
import { WatchedProcess } from '../../actors/web/watched-process.ts';
import { hostMachine } from '../../machines/host.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import type { Change, WatchedActor } from '../../transport/http/inspection-source.ts';
import { type Frame, inspection as messages, type Told } from '../../transport/messages/inspection.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { HeldClock } from '../support/held-clock.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { eventually } from '../support/test-cloud.ts';
import { Receiver, watchFrom } from './support.ts';

/** Nobody here waits seconds for a lease to be renewed. */
const quickClock = { ...systemClock, after: (ms: number, then: () => void) => systemClock.after(ms / 20, then) };

let nats: TestNats;
let buses: Bus[];
beforeEach(async () => {
  nats = await startTestNats();
  buses = [];
});
afterEach(async () => {
  for (const bus of buses) await bus.close();
  await nats.stop();
});

async function connect() {
  const bus = await connectBus({ url: nats.url, name: 'test' });
  buses.push(bus);
  const incarnation = systemChance.uuid();
  return {
    bus,
    clock: quickClock,
    chance: systemChance,
    logger: createLogger('fatal'),
    incarnation,
  } as never as ConstructorParameters<typeof Inspection>[0];
}

class TestHost implements Inspected {
  readonly inspectedAs: Inspected['inspectedAs'];
  readonly actor: Actor<typeof hostMachine>;

  constructor(name: string) {
    this.inspectedAs = `host/${name}`;
    const effect = fromPromise(async () => ({ at: 1 }));
    const machine = hostMachine.provide({ actors: { connectHypervisor: effect, reconcileInstances: effect } as never });
    this.actor = createActor(machine, { input: { name } }).start();
  }

  get chart() {
    return this.actor.getSnapshot();
  }
}

/** A process that runs a host, as a part of that name. */
async function startHost(name: string, part = 'compute-node') {
  const runtime = await connect();
  const inspection = new Inspection(runtime, part, () => []);
  const host = new TestHost(name);
  inspection.wakes(host, host.actor);
  await runtime.bus.nats.connection.flush();
  return { runtime, inspection, host };
}

/** What a watcher sees of everything. */
async function startWatching() {
  const watch = new InspectionWatch(await connect());
  const changes: Change[] = [];
  const watching = watch.watch(undefined, (more) => changes.push(...more));
  const actors = () => new Map([...watching.actors()].map((shown) => [shown.introduction.sessionId, shown]));
  const named = (name: string): WatchedActor | undefined =>
    [...actors().values()].find(({ introduction }) => introduction.name === name);
  return { watch, changes, actors, named };
}

/** Resolves when the connection has noticed that the server is gone. */
async function away(bus: Bus): Promise<void> {
  for await (const { type } of bus.nats.connection.status()) if (type === 'disconnect') return;
}

it('keeps two processes of one name apart', async () => {
  const processes = [await startHost('one'), await startHost('one')];
  const { actors, changes, watch } = await startWatching();
  await eventually(() => actors().size === 2 || undefined);
  const [first, second] = processes.map(
    ({ runtime }) => `compute-node-${runtime.incarnation.slice(0, 8)}/host/one`,
  ) as [string, string];
  expect([...actors().keys()].toSorted()).toEqual([first, second].toSorted());
  processes[0]?.host.actor.send({ type: 'host.drain', reason: 'a test', at: 1 });
  await eventually(() => changes.find(({ told }) => told.type === '@xstate.snapshot'));
  expect(actors().get(first)?.latest.snapshot.value).toMatchObject({ service: 'draining' });
  expect(actors().get(second)?.latest.snapshot.value).toMatchObject({ service: 'enabled' });
  watch.stop();
});

it('lets no process speak of another’s machines', async () => {
  await startHost('one');
  const { actors, changes, watch } = await startWatching();
  await eventually(() => actors().size === 1 || undefined);
  const [sessionId = ''] = [...actors().keys()];
  const { host, ...forger } = await startHost('two', 'compute-forger');
  await eventually(() => actors().size === 2 || undefined);
  const told = { sessionId, rootId: sessionId, createdAt: '1', id: null, _version: '0.7.2' } as const;
  const forged: Frame = {
    sequence: 9,
    events: [
      {
        type: '@xstate.actor',
        ...told,
        sessionId: `${sessionId}x`,
        rootId: `${sessionId}x`,
        name: 'host/forged',
        machine: 'host',
        snapshot: { status: 'active' },
      },
      { type: '@xstate.snapshot', ...told, event: { type: 'forged' }, snapshot: { status: 'stopped' } },
    ],
  };
  forger.runtime.bus.send(
    subjects.inspectionFrame('compute-forger', forger.runtime.incarnation.slice(0, 8)),
    messages.frame.encode(forged),
  );
  host.actor.send({ type: 'host.drain', reason: 'told after it', at: 1 });
  await eventually(() => changes.find(({ told }) => told.type === '@xstate.event'));
  expect(actors().size).toBe(2);
  expect(actors().get(sessionId)?.isOver).toBe(false);
  watch.stop();
});

it('shows a second watcher everything, and the first nothing twice', async () => {
  await startHost('one');
  const first = await startWatching();
  await eventually(() => first.named('host/one'));
  const second = await startWatching();
  await eventually(() => second.named('host/one'));
  const third = await startWatching();
  await eventually(() => third.named('host/one'));
  expect(first.changes.map(({ told }) => told.type)).toEqual(['@xstate.actor']);
  for (const { watch } of [first, second, third]) watch.stop();
});

it('shows after a restart of nats-server how everything stands by then', async () => {
  const stays = await startHost('stays');
  const goes = await startHost('goes');
  const { named, changes, watch } = await startWatching();
  await eventually(() => named('host/stays') && named('host/goes'));
  const before = named('host/goes');
  const noticed = Promise.all([stays, goes].map(({ runtime }) => away(runtime.bus)));
  await nats.kill();
  await noticed;
  // Of what happens now nobody can be told.
  stays.host.actor.send({ type: 'host.disable', reason: 'meanwhile', at: 1 });
  goes.host.actor.stop();
  goes.inspection.leaves(goes.host);
  await nats.startAgain();
  await eventually(
    () => (named('host/stays')?.latest.snapshot.value as { service?: string })?.service === 'disabled' || undefined,
  );
  await eventually(() => before?.isOver || undefined);
  expect(named('host/goes')).toBeUndefined();
  // And what happens from then on.
  const seen = changes.length;
  stays.host.actor.send({ type: 'host.enable', at: 1 });
  await eventually(() => changes.slice(seen).find(({ told }) => told.type === '@xstate.event'));
  watch.stop();
});

it('asks again for everything when a frame was lost', async () => {
  const { runtime, host } = await startHost('one');
  const part = subjects.inspectionFrame('compute-node', runtime.incarnation.slice(0, 8));
  const watchers = new Set<string>();
  runtime.bus.subscribe(subjects.inspectionWatch(), ({ data }) => {
    watchers.add(messages.watch.decode(data).watcher);
  });
  await runtime.bus.nats.connection.flush();
  const { named, changes, watch } = await startWatching();
  await eventually(() => named('host/one'));
  expect(watchers.size).toBe(1);
  runtime.bus.send(part, messages.frame.encode({ sequence: 1_000_000, events: [] }));
  await eventually(() => watchers.size > 1 || undefined);
  host.actor.send({ type: 'host.drain', reason: 'a test', at: 1 });
  await eventually(() => changes.find(({ told }) => told.type === '@xstate.event'));
  // It was there all the time.
  expect(changes.filter(({ told }) => told.type === '@xstate.actor')).toHaveLength(1);
  expect(named('host/one')?.isOver).toBe(false);
  watch.stop();
});

it('takes a process that is not heard any more for gone, with all that it had', async () => {
  const { runtime } = await startHost('one');
  const { named, actors, changes, watch } = await startWatching();
  const shown = await eventually(() => named('host/one'));
  await runtime.bus.abandon();
  await eventually(() => shown.isOver || undefined);
  expect(changes.at(-1)?.told).toMatchObject({ snapshot: { status: 'stopped' } });
  expect(actors().size).toBe(0);
  watch.stop();
});

it('tells of a thousand machines at rest in frames of fifty, and sends their definition once', async () => {
  const runtime = await connect();
  const chart = { status: 'active', value: 'running', context: { uuid: 'u', attempt: 1 } };
  const resting = Array.from({ length: 1000 }, (_, n): Inspected => ({ inspectedAs: `instance/${n}`, chart }));
  const inspection = new Inspection(runtime, 'compute-node', () => resting);
  const frames: Frame[] = [];
  const { bus } = await connect();
  bus.subscribe('cloud.inspect.frame.>', ({ data }) => frames.push(messages.frame.decode(data)));
  await bus.nats.connection.flush();
  const { actors, watch } = await startWatching();
  await eventually(() => actors().size === 1000 || undefined);
  expect(frames.filter(({ events }) => events.length > 0)).toHaveLength(20);
  const definitions = frames.flatMap((frame) => frame.definitions ?? []);
  expect(definitions.map(({ machine }) => machine)).toEqual(['instance', 'host']);
  expect(createMachine(JSON.parse(definitions[0]?.definition ?? '')).id).toBe('instance');
  watch.stop();
  inspection.stop();
});

describe('a process with more actors than are shown', () => {
  const machine = (n: number, process = 'many'): Told => {
    const sessionId = `compute-node-${process}/instance/${n}`;
    const about = { sessionId, rootId: sessionId, createdAt: '1', id: null, _version: '0.7.2' } as const;
    return {
      type: '@xstate.actor',
      ...about,
      name: `instance/${n}`,
      machine: 'instance',
      snapshot: { status: 'active' },
    };
  };
  const gone = ({ type: _, sessionId, rootId, createdAt, id, _version }: Told): Told => {
    const about = { sessionId, rootId, createdAt, id, _version };
    return { type: '@xstate.snapshot', ...about, event: { type: 'test' }, snapshot: { status: 'done' } };
  };
  const more = 'compute-node-many/more';
  const definitions = [{ machine: 'instance' as const, definition: '{"id":"instance"}' }];

  it('says so to inspectors, as of one more actor, and once in the log', async () => {
    // Nobody answers in its place: it must not be asked again.
    const runtime = { ...(await connect()), clock: new HeldClock(2_000) };
    const warn = vi.spyOn(runtime.logger, 'warn');
    const { url } = await watchFrom(runtime as never);
    const { bus } = await connect();
    const asked = new Promise((resolve) => bus.subscribe(subjects.inspectionWatch(), resolve));
    await bus.nats.connection.flush();
    const [all, ofHidden, ofShown] = [
      new Receiver(url),
      new Receiver(`${url}?instance=20050`),
      new Receiver(`${url}?instance=7`),
    ];
    await asked;
    const send = (process: string, sequence: number, events: Told[]) =>
      bus.send(
        subjects.inspectionFrame('compute-node', process),
        messages.frame.encode({ sequence, ...(sequence === 0 && { definitions }), events }),
      );
    for (let sequence = 0; sequence < 402; sequence += 1) {
      const events = Array.from({ length: 50 }, (_, n) => machine(50 * sequence + n));
      send('many', sequence, events);
    }
    const standIn = {
      type: '@xstate.actor',
      sessionId: more,
      name: 'more than 20000 actors: no others are shown',
      snapshot: { status: 'active' },
    };
    await eventually(() => all.events.length > 20_000 || undefined);
    await eventually(() => (ofHidden.events.length > 0 && ofShown.events.length > 0) || undefined);
    const shown = all.events.at(-1) as StatelyActorEvent;
    // What comes of another process comes after whatever there is of this one.
    send('few', 0, [machine(7, 'few'), machine(20_050, 'few')]);
    const [seven, hidden] = ['compute-node-few/instance/7', 'compute-node-few/instance/20050'];
    for (const [receiver, last] of [
      [all, hidden],
      [ofHidden, hidden],
      [ofShown, seven],
    ] as const) {
      await receiver.until(({ sessionId }) => sessionId === last);
    }
    expect(shown).toMatchObject(standIn);
    expect(createMachine(JSON.parse(shown.definition ?? '')).id).toBe(standIn.name);
    expect(all.events).toHaveLength(20_003);
    const idsOf = ({ events }: Receiver) => events.map(({ sessionId }) => sessionId);
    expect(idsOf(ofHidden)).toEqual([more, hidden]);
    expect(idsOf(ofShown)).toEqual(['compute-node-many/instance/7', seven]);
    const late = [new Receiver(`${url}?instance=20050`), new Receiver(`${url}?instance=7`)] as const;
    await eventually(() => late.every(({ events }) => events.length > 1) || undefined);
    expect(late.map(idsOf)).toEqual([idsOf(ofHidden), idsOf(ofShown)]);
    expect(warn.mock.calls).toEqual([[expect.objectContaining({ mostActors: 20_000 }), expect.any(String)]]);
  });

  it('cannot speak for who stands for its others', () => {
    const process = new WatchedProcess('compute-node-many');
    const forged = { ...machine(0), sessionId: more, rootId: more };
    const end = { ...forged, type: '@xstate.snapshot', event: { type: 'test' }, snapshot: { status: 'done' } } as Told;
    process.take({ sequence: 0, definitions, events: [forged] }, 'first');
    expect(process.more).toBeUndefined();
    process.take({ sequence: 1, events: Array.from({ length: 20_001 }, (_, n) => machine(n)) }, 'first');
    expect(process.more).toBeDefined();
    expect(process.take({ sequence: 2, events: [end] }, 'first')).toEqual([]);
    expect(process.more).toBeDefined();
  });

  it('is asked for the others when there is room, and says so no longer when all are shown', () => {
    const process = new WatchedProcess('compute-node-many');
    const machines = Array.from({ length: 20_001 }, (_, n) => machine(n));
    const changes: Change[] = [];
    const client = new InspectionClient(undefined, (more) => changes.push(...more), []);
    const take = (frame: Frame, watcher = 'first') => client.take(process, process.take(frame, watcher));
    const shown = () => [...client.actorsOf(process)].map(({ introduction }) => introduction.sessionId);
    take({ sequence: 0, definitions, events: machines, whole: 'first' });
    take({ sequence: 1, events: machines.slice(0, 2_000).map(gone) });
    expect(process.makeRoom()).toBe(false);
    expect(shown()).toContain(more);
    take({ sequence: 2, events: machines.slice(2_000, 2_001).map(gone) });
    expect(process.makeRoom()).toBe(true);
    client.take(process, []);
    expect(changes.at(-1)).toMatchObject({ told: { sessionId: more, snapshot: { status: 'stopped' } } });
    take({ sequence: 3, events: machines.slice(2_001), whole: 'second' }, 'second');
    expect(shown()).toEqual(machines.slice(2_001).map(({ sessionId }) => sessionId));
  });

  it('says so to each for as long as what it watches is not shown', () => {
    const process = new WatchedProcess('compute-node-many');
    const machines = Array.from({ length: 20_001 }, (_, n) => machine(n));
    const seen: Record<string, unknown[]> = { shown: [], hidden: [], late: [] };
    const watching = (name: string, n: number, there: WatchedProcess[] = []) =>
      new InspectionClient(
        `instance/${n}`,
        (changes) => seen[name]?.push(...changes.map(({ actor, told }) => [told.sessionId, actor.isOver])),
        there,
      );
    const clients = [watching('shown', 7), watching('hidden', 20_000)];
    const take = (frame: Frame) => {
      const changes = process.take(frame, 'first');
      for (const client of clients) client.take(process, changes);
    };
    take({ sequence: 0, definitions, events: machines });
    const late = watching('late', 20_000, [process]);
    clients.push(late);
    const shownLate = () => [...late.actorsOf(process)].map(({ introduction }) => introduction.sessionId);
    expect(shownLate()).toEqual([more]);
    // One makes room for it, and others still miss what they watch.
    take({ sequence: 1, events: [...machines.slice(0, 1).map(gone), ...machines.slice(-1)] });
    expect(process.more).toBeDefined();
    const [seven, hidden] = ['compute-node-many/instance/7', 'compute-node-many/instance/20000'];
    const comes = [
      [hidden, false],
      [more, true],
    ];
    expect(seen).toEqual({ shown: [[seven, false]], hidden: [[more, false], ...comes], late: comes });
    expect(shownLate()).toEqual([hidden]);
  });
});

it('observes no actor when nobody watches', async () => {
  const { host, inspection } = await startHost('one');
  let observers = 0;
  const { inspect } = host.actor.system;
  host.actor.system.inspect = (observer) => {
    observers += 1;
    const subscription = inspect(observer as never);
    return {
      unsubscribe() {
        observers -= 1;
        subscription.unsubscribe();
      },
    };
  };
  inspection.wakes(host, host.actor);
  expect(observers).toBe(0);
  const { watch, named } = await startWatching();
  await eventually(() => named('host/one'));
  expect(observers).toBe(1);
  watch.stop();
  await eventually(() => observers === 0 || undefined);
});
