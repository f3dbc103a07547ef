/** The instance chart, and how the specification's events and sights are its own. */
import { instanceMachine, instanceTimeouts } from '../../machines/instance.ts';
import { commandsIn, statePath, unborn, type VisibleStates, visibleStates } from '../../machines/instance-states.ts';
import { port } from '../charts/instance-territory.ts';
import { failure, type Sent } from '../charts/support.ts';
import {
  allowedCommands,
  type InstanceFacts,
  instanceSpecification,
  maxAttempts,
  visibleOf,
} from './instance-specification.ts';
import type { Chart, Meaning } from './on-chart.ts';

export const instanceChart: Chart<InstanceFacts> = {
  specification: instanceSpecification,
  machine: instanceMachine,
  input: { uuid: 'c0ffee00-0000-4000-8000-000000000001', maxAttempts },
  longestMs: Math.max(...Object.values(instanceTimeouts)),
  meaningOf: (event) => meaningOf(event),
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
    return { state, vmState, powerState, taskState, commands: [...commandsIn(value)].sort(), attempt: context.attempt };
  },
};

function meaningOf(event: string): Meaning {
  const [first = '', ...rest] = event.split(' ');
  const what = rest.join(' ');
  if (first === 'client:') return { heard: commandOf(what) };
  if (first === 'guest:') return { heard: { type: 'domain.changed', powerState: what } };
  if (event === 'scheduler: host found') return { heard: { type: 'instance.scheduled', host: 'host-1' } };
  if (event === 'scheduler: no host') {
    return { heard: { type: 'placement.failed', failure: failure('abort', { code: 'no_valid_host' }) } };
  }
  if (what.startsWith('fails')) {
    const reason = failure(what.includes('elsewhere') ? 'reschedule' : 'abort');
    return { effect: first, play: (stage) => stage.fail(reason) };
  }
  return { effect: first, play: (stage) => stage.done(outputOf(first, what)) };
}

function commandOf(what: string): Sent {
  const [verb, how] = what.split(' ');
  return { type: `instance.${verb}`, ...(how && { how }) };
}

function outputOf(effect: string, what: string): object {
  if (effect === 'allocateNetwork') return { ports: [port] };
  return what.startsWith('finds ') ? { powerState: what.slice('finds '.length) } : {};
}
