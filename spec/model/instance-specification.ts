/**
 * What a client may see of an instance, whatever brings it about: the states with Nova's words for them, the commands that
 * each accepts, and what follows from the answers of scheduler, network and hypervisor. Written apart from the chart,
 * which has to agree with it.
 */
import { type Consequence, type Rules, specify } from './specification.ts';

export interface Visible {
  vmState: string;
  powerState: string;
  taskState: string | undefined;
}

export interface InstanceFacts extends Omit<Visible, 'taskState'> {
  attempt: number;
  isDeleteWanted: boolean;
  /** The step of the launch that failed, and whether it may be tried on another host. */
  failedIn: string | undefined;
  isForAnotherHost: boolean;
}

type Consequences = Record<string, Consequence<InstanceFacts>[]>;

export const maxAttempts = 2;

/** Of a launch, in order: the state, what is done in it, the step that a fault names, and where undoing begins. */
const launch = [
  ['building.checking', 'checkLaunch', 'building', 'releasing.releasingClaim'],
  ['building.claiming', 'claimResources', 'building', 'releasing.releasingClaim'],
  ['networking', 'allocateNetwork', 'networking', 'releasing.releasingNetwork'],
  ['mapping', 'mapBlockDevices', 'mapping', 'releasing.unmappingBlockDevices'],
  ['spawning.preparingFilter', 'prepareFilter', 'spawning', 'releasing.destroyingDomain'],
  ['spawning.creatingDisks', 'createDisks', 'spawning', 'releasing.destroyingDomain'],
  ['spawning.creatingDomain', 'createDomain', 'spawning', 'releasing.destroyingDomain'],
  ['spawning.enablingHairpin', 'enableHairpin', 'spawning', 'releasing.destroyingDomain'],
  ['spawning.applyingFilter', 'applyFilter', 'spawning', 'releasing.destroyingDomain'],
  ['spawning.waitingForBoot', 'waitForBoot', 'spawning', 'releasing.destroyingDomain'],
] as const;

const release = [
  ['releasing.destroyingDomain', 'destroyDomain'],
  ['releasing.removingFilter', 'removeFilter'],
  ['releasing.removingDisks', 'removeDisks'],
  ['releasing.unmappingBlockDevices', 'unmapBlockDevices'],
  ['releasing.releasingNetwork', 'releaseNetwork'],
  ['releasing.releasingClaim', 'releaseClaim'],
] as const;

/** A power operation: its state, what is done, where it leads, and where its failure leads. */
const power = [
  ['stopping', 'stopDomain', 'stopped', 'inspecting'],
  ['starting', 'startDomain', 'running', 'inspecting'],
  ['rebooting.softly', 'rebootSoftly', 'running', 'rebooting.hard'],
  ['rebooting.hard', 'rebootHard', 'running', 'inspecting'],
  ['pausing', 'pauseDomain', 'paused', 'inspecting'],
  ['unpausing', 'unpauseDomain', 'running', 'inspecting'],
  ['suspending', 'suspendDomain', 'suspended', 'inspecting'],
  ['resuming', 'resumeDomain', 'running', 'inspecting'],
] as const;

/** Where an instance with a guest rests: what its power state is there, and what a client may command. */
const rest: Record<string, { powerState: string; commands: Record<string, string> }> = {
  running: {
    powerState: 'running',
    commands: {
      stop: 'stopping',
      'reboot soft': 'rebooting.softly',
      'reboot hard': 'rebooting.hard',
      pause: 'pausing',
      suspend: 'suspending',
    },
  },
  stopped: { powerState: 'shutdown', commands: { start: 'starting', 'reboot hard': 'rebooting.hard' } },
  paused: { powerState: 'paused', commands: { unpause: 'unpausing', 'reboot hard': 'rebooting.hard' } },
  suspended: { powerState: 'suspended', commands: { resume: 'resuming', 'reboot hard': 'rebooting.hard' } },
  'failed.powering': {
    powerState: 'nostate',
    commands: { start: 'starting', stop: 'stopping', 'reboot hard': 'rebooting.hard' },
  },
};

export const reports = ['running', 'paused', 'shutdown', 'suspended', 'crashed', 'absent'] as const;

/** Nova's words: of a state, or of the states within it. What a state does not say stays as it was. */
const words: Record<string, Partial<Visible>> = {
  scheduling: { vmState: 'building', taskState: 'scheduling' },
  building: { vmState: 'building' },
  networking: { vmState: 'building', taskState: 'networking' },
  mapping: { vmState: 'building', taskState: 'block_device_mapping' },
  spawning: { vmState: 'building', taskState: 'spawning' },
  running: { vmState: 'active', powerState: 'running' },
  stopping: { vmState: 'active', taskState: 'powering-off' },
  stopped: { vmState: 'stopped', powerState: 'shutdown' },
  starting: { vmState: 'stopped', taskState: 'powering-on' },
  'rebooting.softly': { vmState: 'active', taskState: 'rebooting' },
  'rebooting.hard': { vmState: 'active', taskState: 'rebooting_hard' },
  pausing: { vmState: 'active', taskState: 'pausing' },
  paused: { vmState: 'paused', powerState: 'paused' },
  unpausing: { vmState: 'paused', taskState: 'unpausing' },
  suspending: { vmState: 'active', taskState: 'suspending' },
  suspended: { vmState: 'suspended', powerState: 'suspended' },
  resuming: { vmState: 'suspended', taskState: 'resuming' },
  inspecting: { taskState: 'inspecting' },
  releasing: { taskState: 'releasing' },
  deleted: { vmState: 'deleted', powerState: 'nostate' },
  failed: { vmState: 'error' },
  'failed.powering': { vmState: 'error', powerState: 'nostate' },
};

/** What a client reads of an instance in this state. */
export function visibleOf(state: string, { vmState, powerState, isDeleteWanted }: InstanceFacts): Visible {
  const { taskState } = wordsOf(state);
  return { vmState, powerState, taskState: taskState === 'releasing' && isDeleteWanted ? 'deleting' : taskState };
}

function wordsOf(state: string): Partial<Visible> {
  return words[state] ?? words[state.split('.')[0] ?? ''] ?? {};
}

/** Entering a state changes what is seen. */
function to(
  target: string,
  more: Partial<InstanceFacts> = {},
  when?: (facts: InstanceFacts) => boolean,
): Consequence<InstanceFacts> {
  const { taskState: _, ...seen } = wordsOf(target);
  return { target, change: (facts) => ({ ...facts, ...more, ...seen }), ...(when && { when }) };
}

const deletion: Consequences = { 'client: delete': [to('releasing.destroyingDomain', { isDeleteWanted: true })] };

const afterRelease: Consequence<InstanceFacts>[] = [
  to('deleted', {}, ({ isDeleteWanted }) => isDeleteWanted),
  {
    ...to('scheduling', {}, ({ isForAnotherHost, attempt }) => isForAnotherHost && attempt < maxAttempts),
    change: (facts) => ({
      ...facts,
      vmState: 'building',
      attempt: facts.attempt + 1,
      failedIn: undefined,
      isForAnotherHost: false,
    }),
  },
  ...['building', 'networking', 'mapping'].map((step) => to(`failed.${step}`, {}, ({ failedIn }) => failedIn === step)),
  to('failed.spawning'),
];

const rules: Rules<InstanceFacts> = {
  scheduling: {
    'scheduler: host found': [to('building.checking')],
    'scheduler: no host': [to('failed.scheduling')],
    'requestPlacement fails': [to('failed.scheduling')],
    'client: delete': [to('deleted', { isDeleteWanted: true })],
  },
  ...Object.fromEntries(
    launch.map(([state, effect, failedIn, undoing], index) => [
      state,
      {
        [`${effect} succeeds`]: [to(launch[index + 1]?.[0] ?? 'running')],
        [`${effect} fails`]: [to(undoing, { failedIn, isForAnotherHost: false })],
        [`${effect} fails (try elsewhere)`]: [to(undoing, { failedIn, isForAnotherHost: true })],
        ...deletion,
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(rest).map(([state, { powerState, commands }]) => [
      state,
      {
        ...Object.fromEntries(
          Object.entries(commands).map(([command, target]) => [`client: ${command}`, [to(target)]]),
        ),
        ...Object.fromEntries(
          reports.filter((each) => each !== powerState).map((each) => [`guest: ${each}`, [to('inspecting')]]),
        ),
        ...deletion,
      },
    ]),
  ),
  ...Object.fromEntries(
    power.map(([state, effect, reached, otherwise]) => [
      state,
      { [`${effect} succeeds`]: [to(reached)], [`${effect} fails`]: [to(otherwise)], ...deletion },
    ]),
  ),
  inspecting: {
    ...Object.fromEntries(
      Object.entries(rest)
        .filter(([state]) => state !== 'failed.powering')
        .map(([state, { powerState }]) => [`inspectDomain finds ${powerState}`, [to(state)]]),
    ),
    'inspectDomain fails': [to('failed.powering')],
    ...Object.fromEntries(reports.map((each) => [`guest: ${each}`, [to('inspecting')]])),
    ...deletion,
  },
  ...Object.fromEntries(
    release.map(([state, effect], index) => {
      const next = release[index + 1]?.[0];
      return [
        state,
        {
          [`${effect} succeeds`]: next ? [to(next)] : afterRelease,
          [`${effect} fails`]: [to('failed.releasing')],
          'client: delete': [to(state, { isDeleteWanted: true })],
        },
      ];
    }),
  ),
  deleted: {},
  'failed.scheduling': { 'client: delete': [to('deleted', { isDeleteWanted: true })] },
  ...Object.fromEntries(
    ['building', 'networking', 'mapping', 'spawning', 'releasing'].map((step) => [`failed.${step}`, deletion]),
  ),
};

export const instanceSpecification = specify<InstanceFacts>(
  'instance',
  {
    state: 'scheduling',
    context: {
      attempt: 1,
      isDeleteWanted: false,
      failedIn: undefined,
      isForAnotherHost: false,
      vmState: 'building',
      powerState: 'nostate',
    },
  },
  rules,
);

/** The commands that a client may give in a state, by the name of their verb. */
export function allowedCommands(state: string): string[] {
  const commands = Object.keys(rules[state] ?? {}).filter((event) => event.startsWith('client: '));
  return [...new Set(commands.map((event) => event.split(' ')[1] ?? ''))].sort();
}
