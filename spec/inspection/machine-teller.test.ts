/** What is told of machines beside what Stately's own inspector tells of the same, and that it holds no secret. */
import { createInspector, type StatelyInspectionEvent } from '@statelyai/inspect';
import { describe, expect, it } from 'vitest';
import { type AnyActorLogic, createActor, fromPromise } from 'xstate';
import { createLogger } from '../../actors/runtime/logger.ts';
import { MachineTeller } from '../../actors/runtime/machine-teller.ts';
import { hostMachine } from '../../machines/host.ts';
import { instanceMachine } from '../../machines/instance.ts';
import { systemClock } from '../../transport/clock.ts';
import type { Told } from '../../transport/messages/inspection.ts';

const logger = createLogger('fatal');
const secret = 'correct horse battery staple';

function tellerInto(told: Told[]): MachineTeller {
  return new MachineTeller('process', {
    clock: systemClock,
    logger,
    isStopTold: false,
    tell: (each) => told.push(each),
  });
}

/** Of the host chart, from its start until its hypervisor is connected and gone. */
async function runHost(inspect: (actor: ReturnType<typeof hostActor>) => unknown) {
  const actor = hostActor();
  actor.start();
  inspect(actor);
  actor.send({ type: 'host.start', at: 1 });
  await expect.poll(() => actor.getSnapshot().matches({ hypervisor: 'up' })).toBe(true);
  actor.send({ type: 'host.disable', reason: 'a test', at: 3 });
  return actor;
}

function hostActor() {
  const effect = fromPromise(async () => ({ at: 2 }));
  const machine = hostMachine.provide({ actors: { connectHypervisor: effect, reconcileInstances: effect } as never });
  return createActor(machine, { input: { name: 'node7' } });
}

it('tells what Stately’s inspector tells, in the same order', async () => {
  const told: Told[] = [];
  const theirs: StatelyInspectionEvent[] = [];
  const inspector = createInspector({ send: (event) => void theirs.push(event) });
  await runHost((actor) => {
    const teller = tellerInto(told);
    teller.follow({ inspectedAs: 'host/node7', chart: actor.getSnapshot() }, actor);
    actor.system.inspect(inspector.inspect);
  });
  await expect.poll(() => theirs.length).toBe(told.length);
  /** What both tell in the same way; actors are named by another scheme, and children by what they do. */
  const common = (event: Told | StatelyInspectionEvent) => ({
    type: event.type,
    isMachine: event.sessionId === event.rootId,
    isOfMachine: 'parentId' in event ? event.parentId === event.rootId : undefined,
    id: event.id,
    version: event._version,
    event: 'event' in event ? event.event.type : undefined,
    source: 'sourceId' in event ? event.sourceId === event.rootId : undefined,
  });
  expect(told.map(common)).toEqual(
    theirs.map((event) => ({
      ...common(event),
      source: 'sourceId' in event && event.sourceId !== undefined ? common(event).source : undefined,
    })),
  );
  const last = told.at(-1);
  const theirLast = theirs.at(-1);
  expect(last).toMatchObject({
    snapshot: { status: 'active', value: { hypervisor: 'up', service: 'disabled' }, context: { name: 'node7' } },
  });
  expect(theirLast).toMatchObject(JSON.parse(JSON.stringify({ snapshot: (last as { snapshot: object }).snapshot })));
});

describe('a secret', () => {
  /** Wherever it may have come to stand by mistake. */
  const planted = {
    at: 1,
    adminPassword: secret,
    userData: secret,
    files: [{ path: '/etc/shadow', contents: secret }],
    privateKey: secret,
    token: { secret },
    payload: secret,
    details: { given: secret },
    failure: {
      code: 'internal',
      message: 'it failed',
      disposition: 'abort',
      details: { given: secret },
      cause: { message: secret },
    },
    flavor: { id: '1', extraSpecs: { key: secret } },
    ports: [{ id: 'p', addresses: ['10.0.0.1'], secret }],
    reason: { secret },
    how: [secret],
  };

  it('in an event, an output, an error, an input or a context is not told', async () => {
    const told: Told[] = [];
    const teller = tellerInto(told);
    for (const effect of [async () => planted, () => Promise.reject(planted)]) {
      const names = Object.keys(instanceMachine.implementations.actors);
      const actors = Object.fromEntries(names.map((name) => [name, fromPromise(effect)]));
      const machine = instanceMachine.provide({ actors: actors as never });
      const actor = createActor(machine as AnyActorLogic, { input: { uuid: 'u', maxAttempts: 1, ...planted } });
      actor.start();
      const owner = {
        inspectedAs: 'instance/u',
        chart: { ...actor.getSnapshot(), context: { uuid: 'u', ...planted } },
      } as const;
      teller.introduce(owner);
      teller.follow(owner, actor);
      for (const type of ['instance.scheduled', 'placement.failed', 'instance.rebuild', 'anything.else'])
        actor.send({ ...planted, type });
      await new Promise((resolve) => setImmediate(resolve));
      teller.dismiss(owner);
    }
    expect(told.length).toBeGreaterThan(10);
    expect(new Set(told.map(({ type }) => type)).size).toBe(3);
    const text = JSON.stringify(told);
    expect(text).not.toContain(secret);
    // What may be seen is.
    expect(text).toContain('it failed');
    expect(text).toContain('10.0.0.1');
  });
});

it('breaks no chart that it cannot tell of', async () => {
  const told: Told[] = [];
  const broken = {
    inspectedAs: 'host/node7',
    get chart(): never {
      throw new Error('there is none');
    },
  } as const;
  const teller = tellerInto(told);
  teller.introduce(broken);
  teller.dismiss(broken);
  const clock = {
    ...systemClock,
    now: () => {
      throw new Error('there is no time');
    },
  };
  const timeless = new MachineTeller('process', { clock, logger, isStopTold: false, tell: () => undefined });
  const actor = await runHost((each) => timeless.follow(broken, each));
  expect(actor.getSnapshot().value).toEqual({ hypervisor: 'up', service: 'disabled' });
  expect(told).toEqual([]);
});
