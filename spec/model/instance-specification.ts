/**
 * What a client may see of an instance, whatever brings it about: the states with Nova's words for them, the commands that
 * each accepts, and what follows from the answers of scheduler, network and hypervisor. Written apart from the chart,
 * which has to agree with it.
 */
import {
  evacuation,
  evacuationUndone,
  guestIsToRun,
  launch,
  power,
  rebuild,
  release,
  reports,
  resize,
  rest,
  revert,
} from './instance-steps.ts';
import { type Flavor, type Visible, wordsOf } from './instance-words.ts';
import { type Consequence, type Rules, type Specified, specify } from './specification.ts';

export interface InstanceFacts extends Omit<Visible, 'taskState'> {
  attempt: number;
  /** How many hosts this launch, or this evacuation, has tried. */
  tries: number;
  isDeleteWanted: boolean;
  /** Whether the launch that failed may be tried on another host. */
  isForAnotherHost: boolean;
  /** Whether the guest is to run, as it was seen last, or asked for since; nothing before it was launched. */
  isToRun: boolean | undefined;
}

type Consequences = Record<string, Consequence<InstanceFacts>[]>;

export const maxAttempts = 2;

/** What a client reads of an instance in this state. */
export function visibleOf(state: string, facts: InstanceFacts): Visible {
  const { vmState, powerState, flavor, earlierFlavor, fault, isDeleteWanted } = facts;
  const { taskState } = wordsOf(state);
  const isDeleting = taskState === 'releasing' && isDeleteWanted;
  return { vmState, powerState, flavor, earlierFlavor, fault, taskState: isDeleting ? 'deleting' : taskState };
}

/** Entering a state changes what is seen. */
function to(
  target: string,
  more: Partial<InstanceFacts> | ((facts: InstanceFacts) => Partial<InstanceFacts>) = {},
  when?: (facts: InstanceFacts) => boolean,
): Consequence<InstanceFacts> {
  const { taskState: _, ...seen } = wordsOf(target);
  const settled = rest[target] || target.startsWith('resized') ? { isForAnotherHost: false } : {};
  const isToRun = guestIsToRun[target];
  const moreOf = typeof more === 'function' ? more : () => more;
  return {
    target,
    change: (facts) => ({ ...facts, ...settled, ...(isToRun !== undefined && { isToRun }), ...moreOf(facts), ...seen }),
    ...(when && { when }),
  };
}

const deletion: Consequences = { 'client: delete': [to('releasing.destroyingDomain', { isDeleteWanted: true })] };

/** The one that a resize wants: the other one. */
export function otherFlavor(flavor: Flavor): Flavor {
  return flavor === 'first' ? 'second' : 'first';
}

/** What a guest may be found to do, by the state in which it does that. */
const found = Object.entries(rest).flatMap(([state, { powerState }]) =>
  powerState ? [[state, powerState] as const] : [],
);
/** Where the guest is in memory. */
const restartable = new Set(['running', 'paused']);
const mayTryMore = ({ tries }: InstanceFacts) => tries < maxAttempts;

const isToRun = (facts: InstanceFacts) => facts.isToRun === true;

function tryAnother({ attempt, tries }: InstanceFacts): Partial<InstanceFacts> {
  return { attempt: attempt + 1, tries: tries + 1, fault: undefined, isForAnotherHost: false };
}

const afterRelease: Consequence<InstanceFacts>[] = [
  to('deleted', {}, ({ isDeleteWanted }) => isDeleteWanted),
  to('scheduling', tryAnother, ({ isForAnotherHost, tries }) => isForAnotherHost && tries < maxAttempts),
  ...['building', 'networking', 'mapping'].map((step) => to(`failed.${step}`, {}, ({ fault }) => fault === step)),
  to('failed.spawning'),
];

/** What a client may command in a state; all but a deletion clear the fault. */
function commands(state: string): Consequences {
  return Object.fromEntries(
    Object.entries(rest[state]?.commands ?? {}).map(([command, target]) => [
      `client: ${command}`,
      [to(target, { fault: undefined })],
    ]),
  );
}

/** What a guest does other than is expected of it is looked at before it is believed. */
function look(target: string, expected?: string): Consequences {
  const others = reports.filter((each) => each !== expected);
  return Object.fromEntries(others.map((each) => [`guest: ${each}`, [to(target)]]));
}

/** Its host finds the guest off, and is to start it again. */
function restart(target: string): Consequences {
  return { 'host: guest restarts': [to(target, { fault: undefined })] };
}

/** What may happen to an instance with a guest that is on a host, whatever is done to it. */
const withGuest: Consequences = {
  ...deletion,
  'operator: evacuate': [
    to('evacuating.leaving', ({ attempt }) => ({
      attempt: attempt + 1,
      tries: 1,
      fault: undefined,
      isForAnotherHost: false,
      earlierFlavor: undefined,
    })),
  ],
};

/** What a client may decide of a resize. */
const decisions: Consequences = {
  'client: confirm-resize': [to('confirming', { fault: undefined })],
  'client: revert-resize': [to('reverting.destroyingDomain', { fault: undefined })],
  ...withGuest,
};

/** No other host would do: the instance is where it was, as far as that can be told. */
const stayed = to('failed.powering', { fault: 'evacuating' });

/** The host that it was to be moved to is down as well. */
const newHostDown: Consequences = {
  'host: down': [to('evacuating.leaving', tryAnother, mayTryMore), to('evacuating.returning', { fault: 'evacuating' })],
};

const rules: Rules<InstanceFacts> = {
  scheduling: {
    'scheduler: host found': [to('building.checking')],
    'scheduler: no host': [to('failed.scheduling', { fault: 'scheduling' })],
    'requestPlacement fails': [to('failed.scheduling', { fault: 'scheduling' })],
    'client: delete': [to('deleted', { isDeleteWanted: true })],
  },
  ...Object.fromEntries(
    launch.map(([state, effect, fault, undoing], index) => [
      state,
      {
        [`${effect} succeeds`]: [to(launch[index + 1]?.[0] ?? 'running')],
        [`${effect} fails`]: [to(undoing, { fault, isForAnotherHost: false })],
        [`${effect} fails (try elsewhere)`]: [to(undoing, { fault, isForAnotherHost: true })],
        'host: down': [to('reclaiming', { fault, isForAnotherHost: true })],
        ...deletion,
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(rest).map(([state, { powerState }]) => [
      state,
      {
        ...commands(state),
        ...(restartable.has(state) && restart('starting')),
        ...look('inspecting', powerState),
        ...withGuest,
      },
    ]),
  ),
  ...Object.fromEntries(
    power.map(([state, effect, reached, otherwise]) => [
      state,
      {
        [`${effect} succeeds`]: [to(reached)],
        // That a guest does not restart when it is asked to is no fault.
        [`${effect} fails`]: [to(otherwise, state === 'rebooting.softly' ? {} : { fault: 'powering' })],
        ...withGuest,
      },
    ]),
  ),
  ...inOrder(rebuild, [to('starting', {}, isToRun), to('stopped')], 'inspecting', 'rebuilding'),
  'resizing.claiming': {
    'claimResize succeeds': [
      to('resizing.stoppingGuest', ({ flavor }) => ({ flavor: otherFlavor(flavor), earlierFlavor: flavor })),
    ],
    'claimResize fails': [to('inspecting', { fault: 'resizing' })],
    ...withGuest,
  },
  ...inOrder(
    resize,
    [to('resizing.startingGuest', {}, isToRun), to('resized.stopped')],
    'reverting.destroyingDomain',
    'resizing',
  ),
  'resizing.startingGuest': {
    'startDomain succeeds': [to('resized.running')],
    'startDomain fails': [to('reverting.destroyingDomain', { fault: 'resizing' })],
    ...withGuest,
  },
  ...Object.fromEntries(
    found.map(([state, powerState]) => [
      `resized.${state}`,
      {
        ...decisions,
        ...(restartable.has(state) && restart('resized.starting')),
        ...look('resized.inspecting', powerState),
      },
    ]),
  ),
  'resized.lost': { ...decisions, ...look('resized.inspecting') },
  'resized.inspecting': {
    ...Object.fromEntries(
      found.map(([state, powerState]) => [`inspectDomain finds ${powerState}`, [to(`resized.${state}`)]]),
    ),
    'inspectDomain fails': [to('resized.lost', { fault: 'powering' })],
    ...look('resized.inspecting'),
    ...withGuest,
  },
  confirming: {
    'confirmResize succeeds': [to('inspecting', { earlierFlavor: undefined })],
    'confirmResize fails': [to('resized.confirmed', { fault: 'resizing' })],
    ...withGuest,
  },
  'resized.confirmed': {
    'client: confirm-resize': [to('confirming', { fault: undefined })],
    'owner: releases again': [to('confirming')],
    ...withGuest,
  },
  ...inOrder(revert, [to('starting', {}, isToRun), to('stopped')], 'failed.resizing', 'resizing'),
  'evacuating.leaving': {
    'leaveLostHosts succeeds': [to('evacuating.scheduling')],
    'leaveLostHosts fails': [stayed],
    'client: delete': [to('reclaiming', { isDeleteWanted: true })],
  },
  'evacuating.scheduling': {
    'scheduler: host found': [to('evacuating.claiming')],
    'scheduler: no host': [stayed],
    'requestPlacement fails': [stayed],
    'client: delete': [to('reclaiming', { isDeleteWanted: true })],
  },
  ...Object.fromEntries(
    evacuation.map(([state, effect, undoing], index) => {
      const next = evacuation[index + 1]?.[0];
      return [
        state,
        {
          [`${effect} succeeds`]: next ? [to(next)] : [to('starting', {}, isToRun), to('stopped')],
          [`${effect} fails`]: [to(undoing, { fault: 'evacuating', isForAnotherHost: false })],
          [`${effect} fails (try elsewhere)`]: [to(undoing, { fault: 'evacuating', isForAnotherHost: true })],
          ...newHostDown,
          ...deletion,
        },
      ];
    }),
  ),
  ...Object.fromEntries(
    evacuationUndone.map(([state, effect], index) => {
      const next = evacuationUndone[index + 1]?.[0];
      const last = to('evacuating.scheduling', tryAnother, (facts) => facts.isForAnotherHost && mayTryMore(facts));
      return [
        state,
        {
          [`${effect} succeeds`]: next ? [to(next)] : [last, to('evacuating.returning')],
          [`${effect} fails`]: [to(next ?? 'evacuating.returning')],
          ...newHostDown,
          ...deletion,
        },
      ];
    }),
  ),
  'evacuating.returning': {
    'leaveTriedHosts succeeds': [stayed],
    'leaveTriedHosts fails': [stayed],
    'client: delete': [to('reclaiming', { isDeleteWanted: true })],
  },
  inspecting: {
    ...Object.fromEntries(found.map(([state, powerState]) => [`inspectDomain finds ${powerState}`, [to(state)]])),
    'inspectDomain fails': [to('failed.powering', { fault: 'powering' })],
    ...look('inspecting'),
    ...withGuest,
  },
  ...Object.fromEntries(
    release.map(([state, effect], index) => {
      const next = release[index + 1]?.[0];
      return [
        state,
        {
          [`${effect} succeeds`]: next ? [to(next)] : afterRelease,
          [`${effect} fails`]: [to('failed.releasing', { fault: 'releasing' })],
          'client: delete': [to(state, { isDeleteWanted: true })],
          'host: down': [to('reclaiming')],
        },
      ];
    }),
  ),
  reclaiming: {
    'releaseNetwork succeeds': afterRelease,
    'releaseNetwork fails': [to('failed.reclaiming', { fault: 'releasing' })],
    'client: delete': [to('reclaiming', { isDeleteWanted: true })],
  },
  deleted: {},
  ...Object.fromEntries(
    ['scheduling', 'building', 'networking', 'mapping', 'spawning'].map((step) => [
      `failed.${step}`,
      { 'client: delete': [to('deleted', { isDeleteWanted: true })] },
    ]),
  ),
  'failed.releasing': {
    'owner: releases again': [to('releasing.destroyingDomain')],
    'host: down': [to('reclaiming')],
    ...deletion,
  },
  'failed.reclaiming': {
    'owner: releases again': [to('reclaiming')],
    'client: delete': [to('reclaiming', { isDeleteWanted: true })],
  },
  'failed.resizing': {
    'client: revert-resize': [to('reverting.destroyingDomain', { fault: undefined })],
    ...withGuest,
  },
};

/** States one after the other, which fail alike. Where a resize is undone, the earlier flavor comes back with the disk. */
function inOrder(
  steps: readonly (readonly [string, string])[],
  last: Consequence<InstanceFacts>[],
  otherwise: string,
  fault: string,
): Rules<InstanceFacts> {
  return Object.fromEntries(
    steps.map(([state, effect], index) => {
      const next = steps[index + 1]?.[0];
      return [
        state,
        {
          [`${effect} succeeds`]: next ? [to(next, effect === 'restoreDisks' ? regainFlavor : {})] : last,
          [`${effect} fails`]: [to(otherwise, { fault })],
          ...withGuest,
        },
      ];
    }),
  );
}

function regainFlavor({ flavor, earlierFlavor }: InstanceFacts): Partial<InstanceFacts> {
  return { flavor: earlierFlavor ?? flavor, earlierFlavor: undefined };
}

export const instanceSpecification = specify<InstanceFacts>(
  'instance',
  {
    state: 'scheduling',
    context: {
      attempt: 1,
      tries: 1,
      isDeleteWanted: false,
      isForAnotherHost: false,
      isToRun: undefined,
      vmState: 'building',
      powerState: 'nostate',
      flavor: 'first',
      earlierFlavor: undefined,
      fault: undefined,
    },
  },
  rules,
  identify,
);

/**
 * What decides over what follows, and what stays to be seen; which faults and flavors there were is looked at on every
 * path.
 */
function identify({ state, context }: Specified<InstanceFacts>): unknown {
  const { tries, isDeleteWanted, isForAnotherHost, isToRun, vmState, powerState, fault } = context;
  const ofLaunch =
    !isDeleteWanted &&
    /^(scheduling|building|networking|mapping|spawning|(failed\.)?(releasing|reclaiming)|evacuating)/.test(state);
  return [state, isDeleteWanted || { isToRun }, vmState, powerState, ofLaunch && [tries, isForAnotherHost, fault]];
}

/** The commands that a client may give in a state, by the name of their verb. */
export function allowedCommands(state: string): string[] {
  const allowed = Object.keys(rules[state] ?? {}).filter((event) => event.startsWith('client: '));
  return [...new Set(allowed.map((event) => event.split(' ')[1] ?? ''))].sort();
}
