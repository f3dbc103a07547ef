/** What is used of a host, as columns of a list. */
import type { HostView } from '../../messages/api/host.ts';
import { formatCount, formatDisk, formatMemory } from '../format.ts';
import { Meter } from './meter.tsx';
import type { Column } from './table.tsx';

export const hostUseColumns: readonly Column<HostView>[] = [
  { name: 'Instances', cell: ({ instances }) => formatCount(instances), isNumber: true },
  meterOf('vCPUs', 'vcpus', formatCount),
  meterOf('Memory', 'memoryMb', formatMemory),
  meterOf('Disk', 'diskGb', formatDisk),
];

function meterOf(name: string, what: keyof HostView['capacity'], format: (amount: number) => string): Column<HostView> {
  return { name, cell: (host) => <Meter used={host.used[what]} total={roomOf(host, what)} format={format} /> };
}

/** What there is to give out of it: a processor may be given out more than once. */
function roomOf({ capacity, allocationRatio }: HostView, what: keyof HostView['capacity']): number {
  return Math.floor(capacity[what] * allocationRatio[what]);
}
