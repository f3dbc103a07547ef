/** All that can happen to an instance, and what its effects take and give back. */

import type { StateValue } from 'xstate';
import type { InstanceContext, InstanceFlavor, ReportedPowerState, Step } from '../../machines/instance.ts';
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

/** The flavor that it is launched with, and the one that a resize wants. */
export const small: InstanceFlavor = { id: 'small', name: 'm1.small', vcpus: 1, memoryMb: 512, rootGb: 1 };
export const large: InstanceFlavor = { id: 'large', name: 'm1.large', vcpus: 4, memoryMb: 4096, rootGb: 8 };

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
export const releaseSteps: readonly { effect: string; givesBack: readonly string[] }[] = [
  { effect: 'destroyDomain', givesBack: ['domain'] },
  { effect: 'removeFilter', givesBack: ['filter'] },
  { effect: 'removeDisks', givesBack: ['disks', 'earlier disk'] },
  { effect: 'unmapBlockDevices', givesBack: ['volumes'] },
  { effect: 'releaseNetwork', givesBack: ['ports'] },
  { effect: 'releaseClaim', givesBack: ['claim', 'greater claim'] },
];

/** The effects of a rebuild in their order: the guest's disks and domain are made anew. */
export const rebuildSteps = ['destroyDomain', 'removeDisks', 'createDisks', 'defineDomain'] as const;

/** The effects of a resize in their order, of an instance whose guest runs. */
export const resizeSteps = ['claimResize', 'stopDomain', 'resizeDisks', 'defineDomain', 'startDomain'] as const;

/** What a resize that failed, or is reverted, leads through. */
export const revertSteps = ['destroyDomain', 'restoreDisks', 'defineDomain'] as const;

/** What is held in the world, sorted. */
export type Held = readonly string[];

const takenBy = new Map<string, readonly string[]>([
  ...launchSteps.map(({ effect, takes }) => [effect, takes ? [takes] : []] as const),
  // What is lost of a guest is made anew.
  ['rebootHard', ['disks', 'domain']],
  ['startDomain', ['domain']],
  ['defineDomain', ['domain']],
  ['claimResize', ['greater claim']],
  ['resizeDisks', ['earlier disk']],
]);

const givenBackBy = new Map<string, readonly string[]>([
  ...releaseSteps.map(({ effect, givesBack }) => [effect, givesBack] as const),
  ['restoreDisks', ['earlier disk', 'greater claim']],
  ['confirmResize', ['earlier disk', 'greater claim']],
]);

/** What cannot be done without a domain. */
const needsDomain = new Set([
  'stopDomain',
  'rebootSoftly',
  'pauseDomain',
  'unpauseDomain',
  'suspendDomain',
  'resumeDomain',
  'inspectDomain',
]);

/** An effect that failed may have done its work, so it counts as having taken, and not as having given back. */
export function affect(held: Held, label: string): Held {
  // What is on a host that is down is that host's to remove.
  if (label === 'host.lost' || label === 'instance.evacuate') return held.filter((thing) => thing === 'ports');
  const [effect = '', outcome] = label.split(' ');
  // More is had of a host altogether or not at all.
  const taken = label === 'claimResize fails' ? [] : (takenBy.get(effect) ?? []);
  const given = (outcome === 'done' && givenBackBy.get(effect)) || [];
  return [...new Set([...held, ...taken])].filter((thing) => !given.includes(thing)).sort();
}

/** What an instance holds that was launched. */
const whole: Held = ['claim', 'disks', 'domain', 'filter', 'ports', 'volumes'];

/**
 * As `affect`; but where an evacuation ends the instance is on one host, and whole: the new one, or the one that was lost.
 * What could not be removed of a try that failed its host removes itself.
 */
function affectOnWay(held: Held, label: string, from: StateValue, to: StateValue): Held {
  if (!statePath(from).startsWith('evacuating')) return affect(held, label);
  if (/^(starting|stopped|failed)/.test(statePath(to))) return whole;
  return affect(held, /^evacuating\.(leaving|scheduling|returning)/.test(statePath(to)) ? 'host.lost' : label);
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
  { type: 'instance.rebuild', imageId: 'c0ffee00-0000-4000-8000-000000000004' },
  { type: 'instance.resize', flavor: large },
  { type: 'instance.confirm-resize' },
  { type: 'instance.revert-resize' },
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

/** What its host wants of it. */
const wishes: Sent[] = [{ type: 'guest.restart' }, { type: 'release.retry' }];

const hostDown = failure('reschedule', { code: 'host_down', message: 'the host is down' });
const losses: Sent[] = [
  { type: 'host.lost', failure: hostDown },
  { type: 'instance.evacuate', failure: hostDown },
];

/** Every event of the chart, in its variants. */
export const events = [...answers, ...commands, ...reports, ...wishes, ...losses];

function movesOf(here: Stage, held: Held): Move[] {
  const { underWay, status } = here;
  if (status === 'done') return [];
  const movesOfEvents: Move[] = events
    .filter((event) => here.accepts(event))
    .map((event) => ({ label: event.type, play: (stage) => stage.send(event) }));
  if (!underWay) return movesOfEvents;
  const { effect } = underWay;
  const isPossible = held.includes('domain') || !needsDomain.has(effect);
  return [
    ...(isPossible ? outputsOf(effect) : []).map((output) => ({
      label: `${effect} done`,
      play: (stage: Stage) => stage.done(output),
    })),
    ...(['abort', 'reschedule'] as const).map((disposition) => ({
      label: `${effect} fails`,
      play: (stage: Stage) => stage.fail(failure(disposition)),
    })),
    ...movesOfEvents,
  ];
}

function outputsOf(effect: string): object[] {
  if (effect === 'allocateNetwork') return [{ ports: [port] }];
  if (effect === 'claimResize') return [{ previousFlavor: small }];
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
    identify({ value, context }, held) {
      const path = statePath(value);
      const { attempt, tried, host, isDeleteWanted, fault, ports, flavor, previousFlavor, wantedFlavor } =
        context as InstanceContext;
      const flavors = [flavor, previousFlavor, wantedFlavor].map((each) => each?.id);
      // What is asked only while a launch is under way or undone, and only while a guest is changed.
      const ofLaunch = /^(scheduling|building|networking|mapping|spawning|releasing|reclaiming)/.test(path);
      const ofChange = /^(rebuilding|resizing|confirming|reverting|failed\.resizing)/.test(path);
      const ofEvacuation = path.startsWith('evacuating') && [tried.length, host, fault?.disposition, context.isToRun];
      const asked = [ofLaunch && [attempt, fault?.disposition], ofChange && context.isToRun, ofEvacuation];
      return [path, isDeleteWanted, fault?.step, fault?.cause?.code, ports.length, flavors, asked, held].join();
    },
    world: [],
    affect: affectOnWay,
  });
  return explored;
}
