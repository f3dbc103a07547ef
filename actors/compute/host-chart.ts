/** The host chart as data: how it stands in a record, and how it is moved where nobody runs the host. Pure. */
import { type SnapshotFrom, transition } from 'xstate';
import { type HostContext, hostMachine, hostSnapshotVersion } from '../../machines/host.ts';
import type { ChartSnapshot, Host, HostCommand } from '../../transport/messages/records.ts';

export type HostSnapshot = SnapshotFrom<typeof hostMachine>;
type HostValue = HostSnapshot['value'];

/** What a record says of the chart. */
export type PresentedChart = Pick<
  Host,
  'service' | 'hypervisorState' | 'hypervisorReason' | 'disabledReason' | 'chart'
>;

export function presentChart({ value, context }: HostSnapshot): PresentedChart {
  return {
    service: value.service,
    hypervisorState: value.hypervisor,
    ...(context.fault && { hypervisorReason: context.fault.message }),
    ...(context.disabledReason !== undefined && { disabledReason: context.disabledReason }),
    chart: { version: hostSnapshotVersion, status: 'active', value, context: { ...context } },
  };
}

/**
 * What a new process goes on with: what the operator wanted; the link to the hypervisor begins anew. Nothing when the
 * chart is of another version.
 */
export function stoppedAs(chart: ChartSnapshot): HostSnapshot | undefined {
  return restore(chart, { hypervisor: 'stopped' });
}

/**
 * The record of a host that nobody runs, as the operator wants it. Whoever comes to run it learns of the command; that
 * nobody has been heard of it stays as it is. Throws when the chart is of another version.
 */
export function commandedRecord(record: Host, command: HostCommand): Host {
  const before = restore(record.chart);
  if (!before) throw new Error(`the chart of a host has the unknown version ${record.chart.version}`);
  const [after] = transition(hostMachine, before, command);
  const { disabledReason: _, hypervisorReason: __, ...kept } = record;
  return { ...kept, ...presentChart(after), commandedMeanwhile: command };
}

function restore({ version, value, context }: ChartSnapshot, more: Partial<HostValue> = {}): HostSnapshot | undefined {
  if (version !== hostSnapshotVersion) return undefined;
  return hostMachine.resolveState({
    value: { ...(value as HostValue), ...more },
    context: context as unknown as HostContext,
  });
}
