/** A rebuild and a resize: what they do in which order, what a failure on the way leads to, and what is kept meanwhile. */
import { describe, expect, it } from 'vitest';
import { type InstanceContext, instanceMachine } from '../../machines/instance.ts';
import { statePath } from '../../machines/instance-states.ts';
import {
  affect,
  exploreInstance,
  type Held,
  input,
  large,
  rebuildSteps,
  resizeSteps,
  revertSteps,
  settle,
  small,
  succeed,
} from './instance-territory.ts';
import { failure, Stage } from './support.ts';

const imageId = 'c0ffee00-0000-4000-8000-000000000005';
const rebuild = { type: 'instance.rebuild', imageId };
const resize = { type: 'instance.resize', flavor: large };

const guests = [
  { guest: 'runs', isToRun: true, rest: 'running' },
  { guest: 'is off', isToRun: false, rest: 'stopped' },
];

/** Launched, and stopped unless its guest is to run; what happened before is forgotten. */
function launched(isToRun = true): Stage {
  const stage = new Stage(instanceMachine, { input });
  settle(stage.send({ type: 'instance.scheduled', host: 'host-1' }));
  if (!isToRun) settle(stage.send({ type: 'instance.stop' }));
  stage.invoked.length = 0;
  stage.emitted.length = 0;
  return stage;
}

/** Until `effect` is under way, which is to be so before the chart rests. */
function until(effect: string, stage: Stage): Stage {
  while (stage.underWay?.effect !== effect) succeed(stage);
  return stage;
}

const contextOf = ({ context }: Stage) => context as InstanceContext;
const effectsOf = ({ invoked }: Stage) => invoked.map(({ effect }) => effect);

it.each([
  ['paused', 'paused', true],
  ['suspended', 'suspended', true],
  ['shutdown', 'stopped', false],
] as const)(
  'a guest that is %s by itself while a resize is undecided is %s, and runs after it: %s',
  (powerState, rest, runs) => {
    const stage = settle(launched(true).send(resize));
    stage.send({ type: 'domain.changed', powerState }).done({ powerState });
    expect(statePath(stage.value)).toBe(`resized.${rest}`);
    stage.invoked.length = 0;
    settle(stage.send({ type: 'instance.revert-resize' }));
    expect(effectsOf(stage)).toEqual([...revertSteps, ...(runs ? ['startDomain'] : [])]);
  },
);

describe.each(guests)('when the guest $guest', ({ isToRun, rest }) => {
  const start = isToRun ? ['startDomain'] : [];

  it('a rebuild makes disk and domain anew from the wanted image, and leaves the guest as it was', () => {
    const stage = settle(launched(isToRun).send(rebuild));
    expect(effectsOf(stage)).toEqual([...rebuildSteps, ...start]);
    expect(stage.value).toBe(rest);
    expect(contextOf(stage)).toMatchObject({ imageId, fault: undefined });
    expect(stage.emitted).toEqual(['compute.instance.rebuild.start', 'compute.instance.rebuild.end']);
  });

  it('a resize gives it the wanted flavor, keeps the earlier one, and leaves the guest as it was', () => {
    const stage = settle(launched(isToRun).send(resize));
    expect(effectsOf(stage)).toEqual([...resizeSteps.slice(0, -1), ...start]);
    expect(statePath(stage.value)).toBe(`resized.${rest}`);
    expect(contextOf(stage)).toMatchObject({ flavor: large, previousFlavor: small, wantedFlavor: undefined });
    expect(stage.emitted).toEqual(['compute.instance.resize.start', 'compute.instance.resize.end']);
  });

  it('a resize that is confirmed forgets what was before, and looks at what the guest does', () => {
    const stage = settle(launched(isToRun).send(resize));
    stage.emitted.length = 0;
    until('inspectDomain', stage.send({ type: 'instance.confirm-resize' }));
    stage.done({ powerState: isToRun ? 'running' : 'shutdown' });
    expect(stage.value).toBe(rest);
    expect(contextOf(stage)).toMatchObject({ flavor: large, previousFlavor: undefined });
    expect(stage.emitted).toEqual(['compute.instance.resize.confirm.start', 'compute.instance.resize.confirm.end']);
  });

  it('a resize that is reverted gives everything back as it was, and leaves the guest as it is', () => {
    const stage = settle(launched(isToRun).send(resize));
    stage.invoked.length = 0;
    stage.emitted.length = 0;
    settle(stage.send({ type: 'instance.revert-resize' }));
    expect(effectsOf(stage)).toEqual([...revertSteps, ...start]);
    expect(stage.value).toBe(rest);
    expect(contextOf(stage)).toMatchObject({ flavor: small, previousFlavor: undefined, fault: undefined });
    expect(stage.emitted).toEqual(['compute.instance.resize.revert.start', 'compute.instance.resize.revert.end']);
  });

  it('a confirmation that fails is tried again, by its client or its host, and never leads back', () => {
    const stage = settle(launched(isToRun).send(resize));
    stage.send({ type: 'instance.confirm-resize' }).fail();
    expect(statePath(stage.value)).toBe('resized.confirmed');
    expect(contextOf(stage)).toMatchObject({ previousFlavor: small, fault: { step: 'resizing' } });
    expect(stage.emitted.at(-1)).toBe('compute.instance.resize.confirm.error');
    expect(stage.accepts({ type: 'instance.revert-resize' })).toBe(false);
    for (const next of ['instance.confirm-resize', 'release.retry']) {
      expect(stage.accepts({ type: next })).toBe(true);
    }
    until('inspectDomain', stage.send({ type: 'release.retry' }));
    expect(contextOf(stage)).toMatchObject({ flavor: large, previousFlavor: undefined });
  });

  it.each(resizeSteps.slice(1, isToRun ? undefined : -1))(
    'a resize of which %s fails is reverted, and tells why',
    (effect) => {
      const stage = until(effect, launched(isToRun).send(resize));
      stage.fail(failure('abort', { code: 'disk_full' }));
      expect(stage.emitted).toEqual([
        'compute.instance.resize.start',
        'compute.instance.resize.error',
        'compute.instance.resize.revert.start',
      ]);
      stage.invoked.splice(0, stage.invoked.length - 1);
      settle(stage);
      expect(effectsOf(stage)).toEqual([...revertSteps, ...start]);
      expect(stage.value).toBe(rest);
      expect(contextOf(stage)).toMatchObject({
        flavor: small,
        previousFlavor: undefined,
        fault: { code: 'disk_full', step: 'resizing' },
      });
    },
  );
});

it('a resize for which the host has no room leaves everything as it is', () => {
  const stage = launched().send(resize);
  stage.fail(failure('reschedule', { code: 'claim_refused' }));
  expect(stage.value).toBe('inspecting');
  stage.done({ powerState: 'running' });
  expect(stage.value).toBe('running');
  expect(contextOf(stage)).toMatchObject({ wantedFlavor: undefined, fault: { code: 'claim_refused' } });
  expect(contextOf(stage)).not.toHaveProperty('previousFlavor');
});

it.each(rebuildSteps)('a rebuild of which %s fails is followed by a look, and may be asked for again', (effect) => {
  const stage = until(effect, launched().send(rebuild));
  stage.fail(failure('abort', { code: 'disk_full' }));
  expect(stage.value).toBe('inspecting');
  expect(stage.emitted.at(-1)).toBe('compute.instance.rebuild.error');
  stage.fail(failure('abort', { code: 'domain_lost' }));
  expect(statePath(stage.value)).toBe('failed.powering');
  expect(contextOf(stage).fault).toMatchObject({
    code: 'domain_lost',
    cause: { code: 'disk_full', step: 'rebuilding' },
  });
  settle(stage.send(rebuild));
  expect(stage.value).toBe('running');
  expect(contextOf(stage).fault).toBeUndefined();
});

describe.each(revertSteps)('a revert of which %s fails', (effect) => {
  it('rests with what led there as the cause, and may be tried again', () => {
    const stage = until('resizeDisks', launched().send(resize));
    until(effect, stage.fail(failure('abort', { code: 'disk_full' }))).fail();
    expect(statePath(stage.value)).toBe('failed.resizing');
    expect(contextOf(stage).fault).toMatchObject({ code: 'hypervisor_error', cause: { code: 'disk_full' } });
    expect(stage.emitted.at(-1)).toBe('compute.instance.resize.revert.error');

    stage.invoked.length = 0;
    settle(stage.send({ type: 'instance.revert-resize' }));
    expect(effectsOf(stage)).toEqual([...revertSteps, 'startDomain']);
    expect(stage.value).toBe('running');
    expect(contextOf(stage)).toMatchObject({ flavor: small, previousFlavor: undefined, fault: undefined });
  });
});

it('two flavors are held of while a resize is neither confirmed nor reverted, and only then', () => {
  for (const { value, world, persisted } of exploreInstance().nodes) {
    const path = statePath(value);
    if (/^(releasing|reclaiming|deleted|failed\.(releasing|reclaiming))/.test(path)) continue;
    const { previousFlavor, wantedFlavor } = (JSON.parse(persisted) as { context: InstanceContext }).context;
    expect([path, world.includes('greater claim')]).toEqual([path, previousFlavor !== undefined]);
    expect([path, wantedFlavor?.id]).toEqual([path, path === 'resizing.claiming' ? large.id : undefined]);
    // A revert that failed may have given the earlier flavor back.
    if (/^(reverting|failed\.resizing)/.test(path)) continue;
    const isUndecided = /^(resizing|resized|confirming)/.test(path) && path !== 'resizing.claiming';
    expect([path, previousFlavor?.id]).toEqual([path, isUndecided ? small.id : undefined]);
    if (!isUndecided) expect([path, world.includes('earlier disk')]).toEqual([path, false]);
  }
});

it('a change gives nothing back but what is made anew', () => {
  const kept: Held = ['claim', 'filter', 'ports', 'volumes'];
  const changes = exploreInstance()
    .edges.filter(({ from }) => /^(rebuilding|resiz|confirm|revert)/.test(statePath(from.value)))
    .filter(({ label }) => label !== 'instance.evacuate');
  expect(changes.length).toBeGreaterThan(0);
  for (const { from, label } of changes) expect(affect(from.world, label)).toEqual(expect.arrayContaining([...kept]));
});
