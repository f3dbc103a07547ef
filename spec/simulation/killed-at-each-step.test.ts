/**
 * Each process is killed once at each step of a rebuild, a resize, what is decided of it, and an evacuation: just before
 * the step is stored, just after it, before its owner has heard of that, and while it is done. A world without the kill
 * says when that is: until then both are the same. What was asked for ends as it does there.
 */
import { describe, expect, it, vi } from 'vitest';
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import type { RecordSeen } from '../checker/history.ts';
import type { Action } from './actions.ts';
import { plainPlan } from './plain-plan.ts';
import { type Outcome, runWorld } from './run-world.ts';
import { type Sabotage, sabotages } from './sabotage.ts';
import { processNames } from './script.ts';
import { uuidOf } from './simulated-client.ts';
import type { WorldPlan } from './world.ts';

// Hundreds of worlds each, on a machine that may do much else.
vi.setConfig({ testTimeout: 300_000 });

const plan = plainPlan({ seed: 3, hosts: ['host-1', 'host-2'] });

/** How long after a step is stored a process is killed (0: what is arranged before comes first), and is away (ms). */
const instants = [0, 1, 40];
const awayMs = 800;
const askedAt = 20_000;
const evacuatedAt = askedAt + 40_000;

const launch: Action = { at: 0, wish: 'create', instance: 0, flavor: 'small' };
const resize: Action = { at: askedAt, wish: 'resize', instance: 0, flavor: 'large' };
const later = askedAt + 15_000;

interface Change {
  actions: Action[];
  /** The steps that are at least stored, from the first at which is killed to the last. */
  steps: string[];
  /** How the record of the instance is when all has gone well. */
  ends: object;
}

const changes: Record<string, Change> = {
  rebuild: {
    actions: [launch, { at: askedAt, wish: 'rebuild', instance: 0 }],
    steps: [
      'rebuilding.destroyingDomain',
      'rebuilding.removingDisks',
      'rebuilding.definingDomain',
      'starting',
      'running',
    ],
    ends: { state: 'running', flavor: 'small' },
  },
  'resize of a running instance': {
    actions: [launch, resize],
    steps: [
      'resizing.claiming',
      'resizing.stoppingGuest',
      'resizing.resizingDisks',
      'resizing.definingDomain',
      'resizing.startingGuest',
      'resized.running',
    ],
    ends: { state: 'resized.running', flavor: 'large' },
  },
  'confirmed resize': {
    actions: [launch, resize, { at: later, wish: 'confirmResize', instance: 0 }],
    steps: ['confirming', 'inspecting', 'running'],
    ends: { state: 'running', flavor: 'large' },
  },
  'reverted resize': {
    actions: [launch, resize, { at: later, wish: 'revertResize', instance: 0 }],
    steps: [
      'reverting.destroyingDomain',
      'reverting.restoringDisks',
      'reverting.definingDomain',
      'starting',
      'running',
    ],
    ends: { state: 'running', flavor: 'small' },
  },
};

describe.each(Object.entries(changes))('a %s', (_, change) => {
  it('ends the same whichever process is killed at whichever step', async () => {
    expect(await killAtEachStep(change)).toEqual([]);
  });
});

it('of a rebuild it is noticed when a step cannot be done twice', async () => {
  const sabotage = sabotages['an effect that is not idempotent: to remove what is not there fails'];
  expect(await killAtEachStep(changes.rebuild as Change, { sabotage, atMost: 1 })).toHaveLength(1);
});

it.each([
  ['that makes the disk anew', plan],
  ['that keeps the shared disk', { ...plan, sharers: plan.hosts.length }],
])('an evacuation %s ends the same whichever process is killed at whichever step', async (_, its) => {
  const { record } = versionsOf(await runWorld({ plan: its, actions: [launch] })).at(-1) as RecordSeen;
  const lost = contextOf(record).host ?? '';
  const actions: Action[] = [
    launch,
    { at: askedAt, fault: 'kill', process: lost, forMs: 120_000 },
    { at: evacuatedAt, wish: 'evacuateHost', host: lost },
    { at: askedAt + 130_000, wish: 'rename', instance: 0, name: 'over' },
  ];
  const steps = ['scheduling', 'claiming', 'networking', 'creatingDisks', 'definingDomain'];
  const change: Change = {
    actions,
    steps: [...steps.map((step) => `evacuating.${step}`), 'starting', 'running'],
    ends: { state: 'running', flavor: 'small' },
  };
  expect(await killAtEachStep(change, { plan: its, except: lost })).toEqual([]);
});

it('an evacuation that fails ends on the lost host whichever process is killed at whichever step', async () => {
  const { record } = versionsOf(await runWorld({ plan, actions: [launch] })).at(-1) as RecordSeen;
  const lost = contextOf(record).host ?? '';
  const other = plan.hosts.find((name) => name !== lost) ?? '';
  const failure = { code: 'hypervisor_error', message: 'the image cannot be had', disposition: 'abort' } as const;
  const actions: Action[] = [
    launch,
    { at: askedAt, fault: 'kill', process: lost, forMs: 120_000 },
    { at: evacuatedAt - 1, fault: 'failStep', host: other, step: 'createDisks', times: 100, failure, timing: 'before' },
    { at: evacuatedAt, wish: 'evacuateHost', host: lost },
    { at: askedAt + 130_000, wish: 'rename', instance: 0, name: 'over' },
  ];
  // What comes before is as in one that does not fail.
  const steps = ['destroyingDomain', 'removingDisks', 'releasingClaim', 'returning'];
  const change: Change = {
    actions,
    steps: [...steps.map((step) => `evacuating.${step}`), 'failed.powering', 'inspecting', 'running'],
    ends: { state: 'running', flavor: 'small' },
  };
  expect(await killAtEachStep(change, { except: lost })).toEqual([]);
});

/** What ends otherwise: which process was killed at which step, and what came of it. */
async function killAtEachStep(
  { actions, steps: expected, ends }: Change,
  {
    plan: its = plan,
    except,
    sabotage = {},
    atMost = Infinity,
  }: { plan?: WorldPlan; except?: string; sabotage?: Sabotage | undefined; atMost?: number } = {},
): Promise<object[]> {
  const undisturbed = await runWorld({ plan: its, actions });
  expect(undisturbed.violations).toEqual([]);
  expect(endOf(undisturbed)).toEqual(ends);
  const beganAt = undisturbed.history.asked[0]?.at ?? 0;
  const stored = versionsOf(undisturbed)
    .filter(({ record }) => !contextOf(record).isDeleteWanted)
    .map(({ at, record }) => ({ at: at - beganAt, state: stateOf(record) }));
  const steps = stored.slice(stored.findIndex(({ state }) => state === expected[0]));
  expect(steps.map(({ state }) => state)).toEqual(expect.arrayContaining(expected));
  const wrong: object[] = [];
  for (const { at, state } of steps) {
    for (const process of processNames(plan).filter((name) => name !== except)) {
      for (const afterMs of instants) {
        const kill: Action = { at: at + afterMs, fault: 'kill', process, forMs: awayMs };
        const disturbed = [...actions, kill].sort((one, other) => one.at - other.at);
        const outcome = await runWorld({ plan: its, actions: disturbed }, sabotage);
        const end = endOf(outcome);
        const isReached = versionsOf(outcome).some(
          (seen) => seen.at - beganAt === at && stateOf(seen.record) === state,
        );
        if (afterMs > 0) expect(isReached).toBe(true);
        if (outcome.violations.length > 0 || JSON.stringify(end) !== JSON.stringify(ends)) {
          wrong.push({ state, process, afterMs, end, violations: outcome.violations });
          if (wrong.length === atMost) return wrong;
        }
      }
    }
  }
  return wrong;
}

function versionsOf({ history }: Outcome): RecordSeen[] {
  return history.records.get(uuidOf(0)) ?? [];
}

/** How the instance stood before everything was deleted. */
function endOf(outcome: Outcome): object {
  const record = versionsOf(outcome)
    .map((seen) => seen.record)
    .findLast((each) => !contextOf(each).isDeleteWanted);
  return record ? { state: stateOf(record), flavor: record.flavor.name } : {};
}
