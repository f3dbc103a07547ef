/** A launch that fails gives back what it took, in reverse order, and is then placed again or rests. */
import { describe, expect, it } from 'vitest';
import { type InstanceContext, instanceMachine } from '../../machines/instance.ts';
import { isPlacing, statePath } from '../../machines/instance-states.ts';
import {
  affect,
  exploreInstance,
  type Held,
  input,
  launchSteps,
  releaseSteps,
  settle,
  succeed,
} from './instance-territory.ts';
import { failure, restage, Stage } from './support.ts';

const release = (from: string) => {
  const all = releaseSteps.map(({ effect }) => effect);
  return all.slice(all.indexOf(from));
};

/** What each step's failure leads through. A step that failed may have taken what it was to take. */
const undoing = {
  checkLaunch: release('releaseClaim'),
  claimResources: release('releaseClaim'),
  allocateNetwork: release('destroyDomain'),
  mapBlockDevices: release('unmapBlockDevices'),
  prepareFilter: release('destroyDomain'),
  createDisks: release('destroyDomain'),
  createDomain: release('destroyDomain'),
  enableHairpin: release('destroyDomain'),
  applyFilter: release('destroyDomain'),
  waitForBoot: release('destroyDomain'),
} as const satisfies Record<string, string[]>;

/** A new instance, placed, and brought to where `effect` is under way. */
function launchUntil(effect: string, stage = new Stage(instanceMachine, { input })): Stage {
  stage.send({ type: 'instance.scheduled', host: `host-${contextOf(stage).attempt}` });
  while (stage.underWay?.effect !== effect) succeed(stage);
  return stage;
}

function contextOf({ context }: Stage): InstanceContext {
  return context as InstanceContext;
}

function effectsSince(stage: Stage, count: number): string[] {
  return stage.invoked.slice(count).map(({ effect }) => effect);
}

describe.each(launchSteps)('when $effect fails', ({ effect, step }) => {
  const undone = undoing[effect as keyof typeof undoing];

  it.each(['abort', 'retry'] as const)('the launch gives back what it took and rests, after %s', (disposition) => {
    const stage = launchUntil(effect);
    const before = stage.invoked.length;
    settle(stage.fail(failure(disposition)));
    expect(effectsSince(stage, before)).toEqual(undone);
    expect(statePath(stage.value)).toBe(`failed.${step}`);
    expect(contextOf(stage).fault).toMatchObject({ step, code: 'hypervisor_error', disposition });
    expect(contextOf(stage).ports).toEqual([]);
    expect(stage.emitted.at(-1)).toBe('compute.instance.create.error');
  });

  it('the launch gives back what it took and is placed again, after reschedule', () => {
    const stage = launchUntil(effect);
    const before = stage.invoked.length;
    stage.fail(failure('reschedule'));
    while (stage.underWay && stage.underWay.effect !== 'requestPlacement') succeed(stage);
    expect(effectsSince(stage, before)).toEqual([...undone, 'requestPlacement']);
    expect(stage.value).toBe('scheduling');
    expect(stage.tags.has('placing')).toBe(true);
    expect(contextOf(stage)).toMatchObject({ attempt: 2, tried: [{ host: 'host-1', failure: { step } }] });
    expect(contextOf(stage)).toMatchObject({ host: undefined, fault: undefined });
    expect(stage.invoked.at(-1)?.key).toMatchObject({ attempt: 2 });
  });

  it('the launch is given up after the last attempt', () => {
    const stage = launchUntil(effect);
    stage.fail(failure('reschedule'));
    while (stage.underWay && stage.underWay.effect !== 'requestPlacement') succeed(stage);
    launchUntil(effect, stage);
    settle(stage.fail(failure('reschedule')));
    expect(statePath(stage.value)).toBe(`failed.${step}`);
    expect(contextOf(stage)).toMatchObject({ attempt: input.maxAttempts, host: 'host-2' });
    expect(stage.invoked.every(({ key }) => key.attempt <= input.maxAttempts)).toBe(true);
  });

  it('a wish to delete, voiced while it is being undone, is kept', () => {
    const stage = launchUntil(effect);
    stage.fail(failure('reschedule'));
    const before = stage.invoked.length;
    stage.send({ type: 'instance.delete' });
    expect(effectsSince(stage, before)).toEqual([]);
    settle(stage);
    expect(stage.value).toBe('deleted');
    expect(effectsSince(stage, before - 1)).toEqual(undone);
  });
});

describe.each(releaseSteps)('when $effect fails', ({ effect }) => {
  it('the instance rests, with what led there as the cause, and deleting tries all of it again', () => {
    const stage = launchUntil('waitForBoot');
    stage.fail(failure('reschedule', { code: 'domain_lost', message: 'the domain is gone' }));
    while (stage.underWay?.effect !== effect) succeed(stage);
    stage.fail(failure('reschedule', { message: 'it is stuck' }));
    expect(statePath(stage.value)).toBe('failed.releasing');
    expect(contextOf(stage).fault).toMatchObject({
      step: 'releasing',
      message: 'it is stuck',
      cause: { code: 'domain_lost', step: 'spawning' },
    });

    const before = stage.invoked.length;
    settle(stage.send({ type: 'instance.delete' }));
    expect(effectsSince(stage, before)).toEqual(release('destroyDomain'));
    expect(stage.value).toBe('deleted');
  });
});

it('a launch without a host rests without having taken anything', () => {
  for (const happen of [
    (stage: Stage) => stage.fail(failure('retry', { code: 'timeout' })),
    (stage: Stage) => stage.send({ type: 'placement.failed', failure: failure('abort', { code: 'no_valid_host' }) }),
  ]) {
    const stage = happen(new Stage(instanceMachine, { input }));
    expect(statePath(stage.value)).toBe('failed.scheduling');
    expect(contextOf(stage).fault?.step).toBe('scheduling');
    expect(stage.emitted).toEqual(['compute.instance.create.error']);
  }
});

it('a power operation that fails is followed by a look, and holds on to everything', () => {
  const powering = exploreInstance().edges.filter(
    ({ from, label }) =>
      /^(start|stop|reboot|pause|unpause|suspend|resume)\w+ fails$/.test(label) &&
      !statePath(from.value).startsWith('resizing'),
  );
  expect(powering.length).toBeGreaterThan(0);
  for (const { from, to, label } of powering) {
    const look = statePath(from.value).startsWith('resized') ? 'resized.inspecting' : 'inspecting';
    expect(statePath(to.value)).toBe(label === 'rebootSoftly fails' ? 'rebooting.hard' : look);
    if (label !== 'rebootHard fails' && label !== 'startDomain fails') expect(to.world).toEqual(from.world);
  }
});

it('no failure is forgotten but by a command or another attempt, and the first is the cause of those after it', () => {
  const steps = exploreInstance().nodes.filter(({ invocation }) => invocation);
  for (const node of steps) {
    const { effect = '' } = node.invocation ?? {};
    const stage = restage(instanceMachine, node);
    const { fault: before } = contextOf(stage);
    const { fault } = contextOf(stage.fail());
    // What cannot be undone of a try is no other failure.
    const isUndoing = /^evacuating\.(destroying|removing|releasing|returning)/.test(statePath(node.value));
    if (isUndoing) expect(fault).toMatchObject({ code: before?.code, step: 'evacuating' });
    else if (effect === 'rebootSoftly') expect(fault).toEqual(before);
    else expect(fault).toMatchObject({ at: stage.now, ...(before && { cause: before.cause ?? before }) });
    // That a host was asked for is no answer yet.
    if (effect === 'requestPlacement') continue;
    const succeeded = restage(instanceMachine, node);
    succeed(succeeded);
    // Of what is given up the fault names all hosts that were tried.
    const kept = before && { code: before.code, step: before.step, at: before.at };
    if (!isPlacing(statePath(succeeded.value))) expect(contextOf(succeeded).fault ?? {}).toMatchObject(kept ?? {});
  }
});

it('an instance that waits to be placed, or whose launch failed, holds nothing', () => {
  for (const { value, world } of exploreInstance().nodes) {
    const path = statePath(value);
    const holdsNothing = /^(scheduling|deleted|failed\.(scheduling|building|networking|mapping|spawning))$/.test(path);
    if (holdsNothing) expect({ path, held: world }).toEqual({ path, held: [] });
  }
});

it('a running instance holds everything that a launch takes', () => {
  const all = launchSteps.reduce<Held>((held, { effect }) => affect(held, `${effect} done`), []);
  for (const { value, world } of exploreInstance().nodes) if (value === 'running') expect(world).toEqual(all);
});
