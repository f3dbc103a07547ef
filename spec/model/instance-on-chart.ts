/** The instance chart, and how the specification's events and sights are its own. */
import {
  type InstanceContext,
  type InstanceFlavor,
  instanceMachine,
  instanceTimeouts,
} from '../../machines/instance.ts';
import { commandsIn, statePath, unborn, type VisibleStates, visibleStates } from '../../machines/instance-states.ts';
import { large, port, small } from '../charts/instance-territory.ts';
import { failure, type Sent, type Stage } from '../charts/support.ts';
import {
  allowedCommands,
  type InstanceFacts,
  instanceSpecification,
  maxAttempts,
  visibleOf,
} from './instance-specification.ts';
import type { Flavor } from './instance-words.ts';
import type { Chart, Meaning } from './on-chart.ts';

export const instanceChart: Chart<InstanceFacts> = {
  specification: instanceSpecification,
  machine: instanceMachine,
  input: { uuid: 'c0ffee00-0000-4000-8000-000000000001', maxAttempts },
  longestMs: Math.max(...Object.values(instanceTimeouts)),
  meaningOf,
  expected: ({ state, context }) => ({
    state,
    ...visibleOf(state, context),
    commands: allowedCommands(state),
    attempt: context.attempt,
  }),
  observed({ value, context }, before) {
    const state = statePath(value);
    const { vmState, powerState, taskState } = visibleStates(state, context, {
      ...unborn,
      ...(before as Partial<VisibleStates>),
    });
    const { flavor = small, previousFlavor, fault, attempt } = context as InstanceContext;
    return {
      state,
      vmState,
      powerState,
      flavor: nameOf(flavor),
      earlierFlavor: previousFlavor && nameOf(previousFlavor),
      fault: fault?.step,
      taskState,
      commands: [...commandsIn(state)].sort(),
      attempt,
    };
  },
};

const hostDown = failure('reschedule', { code: 'host_down', message: 'the host is down' });

function nameOf({ id }: InstanceFlavor): Flavor {
  return id === small.id ? 'first' : 'second';
}

function meaningOf(event: string, stage: Stage): Meaning {
  const { flavor = small } = stage.context as InstanceContext;
  const [first = '', ...rest] = event.split(' ');
  const what = rest.join(' ');
  if (first === 'client:') return { heard: commandOf(what, flavor.id === small.id ? large : small) };
  if (first === 'guest:') return { heard: { type: 'domain.changed', powerState: what } };
  if (event === 'host: guest restarts') return { heard: { type: 'guest.restart' } };
  if (event === 'owner: releases again') return { heard: { type: 'release.retry' } };
  if (event === 'host: down') return { heard: { type: 'host.lost', failure: hostDown } };
  if (event === 'operator: evacuate') return { heard: { type: 'instance.evacuate', failure: hostDown } };
  if (event === 'scheduler: host found') return { heard: { type: 'instance.scheduled', host: 'host-1' } };
  if (event === 'scheduler: no host') {
    return { heard: { type: 'placement.failed', failure: failure('abort', { code: 'no_valid_host' }) } };
  }
  if (what.startsWith('fails')) {
    const reason = failure(what.includes('elsewhere') ? 'reschedule' : 'abort');
    return { effect: first, play: (here) => here.fail(reason) };
  }
  return { effect: first, play: (here) => here.done(outputOf(first, what, flavor)) };
}

function commandOf(what: string, wanted: InstanceFlavor): Sent {
  const [verb, how] = what.split(' ');
  const details: Record<string, object> = {
    reboot: { how },
    rebuild: { imageId: 'c0ffee00-0000-4000-8000-000000000006' },
    resize: { flavor: wanted },
  };
  return { type: `instance.${verb}`, ...details[verb ?? ''] };
}

function outputOf(effect: string, what: string, flavor: InstanceFlavor): object {
  if (effect === 'allocateNetwork') return { ports: [port] };
  if (effect === 'claimResize') return { previousFlavor: flavor };
  return what.startsWith('finds ') ? { powerState: what.slice('finds '.length) } : {};
}
