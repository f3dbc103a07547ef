/** The host chart, and how the specification's events and sights are its own. */
import { hostMachine, hostTimeouts } from '../../machines/host.ts';
import { input } from '../charts/host-territory.ts';
import { failure, type Sent } from '../charts/support.ts';
import { hostSpecification } from './host-specification.ts';
import type { Chart } from './on-chart.ts';

const heard: Record<string, Sent> = {
  'process: starts': { type: 'host.start' },
  'process: stops': { type: 'host.stop' },
  'operator: enable': { type: 'host.enable' },
  'operator: disable': { type: 'host.disable', reason: 'a disk is to be changed' },
  'operator: drain': { type: 'host.drain', reason: 'it is to be retired' },
  'host: down': { type: 'host.fenced' },
  'hypervisor: connected': { type: 'hypervisor.connected' },
  'hypervisor: lost': { type: 'hypervisor.lost', failure: failure('retry', { code: 'hypervisor_unavailable' }) },
};

export const hostChart: Chart<Record<never, never>> = {
  specification: hostSpecification,
  machine: hostMachine,
  input,
  longestMs: Math.max(...Object.values(hostTimeouts)),
  meaningOf(event) {
    const sent = heard[event];
    if (sent) return { heard: sent };
    const [effect = '', outcome] = event.split(' ');
    return { effect, play: (stage) => (outcome === 'succeeds' ? stage.done() : stage.fail()) };
  },
  expected: ({ state }) => ({
    state,
    isUsable: state.startsWith('up '),
    isAccepting: state.endsWith(' enabled'),
  }),
  observed({ value, tags }) {
    const { hypervisor, service } = value as Record<string, string>;
    return { state: `${hypervisor} ${service}`, isUsable: tags.has('usable'), isAccepting: tags.has('accepting') };
  },
};
