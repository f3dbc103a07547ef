/** The charts of the machines that this program runs. */
import { hostMachine } from '../../machines/host.ts';
import { instanceMachine } from '../../machines/instance.ts';
import { type Chart, chartOf } from './chart.ts';

const machines = { instance: instanceMachine, host: hostMachine } as const;

export type ChartName = keyof typeof machines;

export function knownChart(name: ChartName): Chart {
  return chartOf(machines[name]);
}
