/** All that can happen to an instance, and what its effects take and give back. */
import type { ReportedPowerState, Step } from '../../machines/instance.ts';
import { instanceMachine } from '../../machines/instance.ts';
import { statePath } from '../../machines/instance-states.ts';
import { type Exploration, explore, failure, type Move, type Sent, type Stage } from './support.ts';

export const input = { uuid: 'c0ffee00-0000-4000-8000-000000000001', maxAttempts: 2 };

export const port = {
  id: 'c0ffee00-0000-4000-8000-000000000002',
  networkId: 'c0ffee00-0000-4000-8000-000000000003',
  mac: '02:00:00:00:00:01',
  addresses: ['10.0.0.5'],
};

/** The steps of a launch in their order: the effect, what it takes from the world, and the fault's step. */
export const launchSteps: readonly { effect: string; takes?: string; step: Step }[] = [
  { effect: 'checkLaunch', step: 'building' },
  { effect: 'claimResources', takes: 'claim', step: 'building' },
  { effect: 'allocateNetwork', takes: 'ports', step: 'networking' },
  { effect: 'mapBlockDevices', takes: 'volumes', step: 'mapping' },
  { effect: 'prepareFilter', takes: 'filter', step: 'spawning' },
  { effect: 'createDisks', takes: 'disks', step: 'spawning' },
  { effect: 'createDomain', takes: 'domain', step: 'spawning' },
  { effect: 'enableHairpin', step: 'spawning' },
  { effect: 'applyFilter', takes: 'filter', step: 'spawning' },
  { effect: 'waitForBoot', step: 'spawning' },
];

/** The steps of giving back in their order. */
export const releaseSteps: readonly { effect: string; givesBack: string }[] = [
  { effect: 'destroyDomain', givesBack: 'domain' },
  { effect: 'removeFilter', givesBack: 'filter' },
  { effect: 'removeDisks', givesBack: 'disks' },
  { effect: 'unmapBlockDevices', givesBack: 'volumes' },
  { effect: 'releaseNetwork', givesBack: 'ports' },
  { effect: 'releaseClaim', givesBack: 'claim' },
];

/** What is held in the world, sorted. */
export type Held = readonly string[];

/** An effect that failed may have done its work, so it counts as having taken, and not as having given back. */
export function affect(held: Held, label: string): Held {
  const [effect, outcome] = label.split(' ');
  const taken = launchSteps.find((step) => step.effect === effect)?.takes;
  const given = outcome === 'done' && releaseSteps.find((step) => step.effect === effect)?.givesBack;
  return [...new Set([...held, ...(taken ? [taken] : [])])].filter((thing) => thing !== given).sort();
}

const commands: Sent[] = [
  { type: 'instance.start' },
  { type: 'instance.stop' },
  { type: 'instance.reboot', how: 'soft' },
  { type: 'instance.reboot', how: 'hard' },
  { type: 'instance.pause' },
  { type: 'instance.unpause' },
  { type: 'instance.suspend' },
  { type: 'instance.resume' },
  { type: 'instance.delete' },
];

const answers: Sent[] = [
  { type: 'instance.scheduled', host: 'host-1' },
  { type: 'placement.failed', failure: failure('abort', { code: 'no_valid_host' }) },
];

const reportedStates: ReportedPowerState[] = [
  'running',
  'paused',
  'shutdown',
  'suspended',
  'crashed',
  'nostate',
  'absent',
];
const inspectedStates = ['running', 'shutdown', 'paused', 'suspended'] as const;

const reports: Sent[] = reportedStates.map((powerState) => ({ type: 'domain.changed', powerState }));

/** Every event of the chart, in its variants. */
export const events = [...answers, ...commands, ...reports];

function movesOf(here: Stage): Move[] {
  const { underWay, status } = here;
  if (status === 'done') return [];
  const movesOfEvents: Move[] = events
    .filter((event) => here.accepts(event))
    .map((event) => ({ label: event.type, play: (stage) => stage.send(event) }));
  if (!underWay) return movesOfEvents;
  const { effect } = underWay;
  return [
    ...outputsOf(effect).map((output) => ({ label: `${effect} done`, play: (stage: Stage) => stage.done(output) })),
    ...(['abort', 'reschedule'] as const).map((disposition) => ({
      label: `${effect} fails`,
      play: (stage: Stage) => stage.fail(failure(disposition)),
    })),
    ...movesOfEvents,
  ];
}

function outputsOf(effect: string): object[] {
  if (effect === 'allocateNetwork') return [{ ports: [port] }];
  if (effect === 'inspectDomain') return inspectedStates.map((powerState) => ({ powerState }));
  return [{}];
}

/** The effect under way succeeds. Throws when nothing follows from that, so that no test waits for ever. */
export function succeed(stage: Stage): void {
  const { effect = 'nothing' } = stage.underWay ?? {};
  const before = stage.taken.length;
  const [output] = outputsOf(effect);
  stage.done(output);
  if (stage.taken.length === before) throw new Error(`nothing follows when ${effect} is done`);
}

/** Lets effects succeed until there is none under way. */
export function settle(stage: Stage): Stage {
  while (stage.underWay) succeed(stage);
  return stage;
}

let explored: Exploration<Held> | undefined;

export function exploreInstance(): Exploration<Held> {
  explored ??= explore<Held>({
    machine: instanceMachine,
    input,
    moves: movesOf,
    identify({ value, context: { attempt, isDeleteWanted, fault, ports } }, held) {
      return [statePath(value), attempt, isDeleteWanted, fault?.step, fault?.disposition, ports.length, held].join();
    },
    world: [],
    affect,
  });
  return explored;
}
