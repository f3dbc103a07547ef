/** The compute hosts, for administrators: how full they are, and what is wanted of them. */
import { useSignal } from '@preact/signals';
import type { HostView } from '../../messages/api/host.ts';
import { Age } from '../components/age.tsx';
import { HostState, isDown, roomOf } from '../components/host-state.tsx';
import { Meter } from '../components/meter.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Page } from '../components/page.tsx';
import { Table } from '../components/table.tsx';
import { formatCount, formatDisk, formatMemory } from '../format.ts';
import { type HostCommand, HostQuestion, hostCommands } from '../forms/host-question.tsx';
import { useHosts } from '../live/hosts.ts';
import { Alarms } from './alarms.tsx';

export function HostsPage() {
  const { data, failure, reload } = useHosts();
  const asked = useSignal<{ host: HostView; command: HostCommand } | undefined>(undefined);
  return (
    <Page title="Hosts">
      <FailureNotice failure={failure.value} />
      <Table
        caption="Compute hosts"
        entries={data.value}
        keyOf={({ name }) => name}
        empty={<p>No compute host has made itself known yet.</p>}
        columns={[
          {
            name: 'Host',
            cell: (host) => (
              <>
                <strong>{host.name}</strong>
                <span class="beneath">
                  {host.availabilityZone} · {host.hypervisor.virtType}
                </span>
              </>
            ),
          },
          {
            name: 'State',
            cell: (host) => (
              <>
                <HostState host={host} />
                <span class="beneath">{isDown(host) ? <Silence host={host} /> : reasonOf(host)}</span>
              </>
            ),
          },
          { name: 'Instances', cell: ({ instances }) => formatCount(instances), isNumber: true },
          {
            name: 'vCPUs',
            cell: (host) => <Meter used={host.used.vcpus} total={roomOf(host, 'vcpus')} format={formatCount} />,
          },
          {
            name: 'Memory',
            cell: (host) => <Meter used={host.used.memoryMb} total={roomOf(host, 'memoryMb')} format={formatMemory} />,
          },
          {
            name: 'Disk',
            cell: (host) => <Meter used={host.used.diskGb} total={roomOf(host, 'diskGb')} format={formatDisk} />,
          },
          {
            name: 'Actions',
            cell: (host) => (
              <div class="actions">
                {hostCommands
                  .filter(({ isOffered }) => isOffered(host))
                  .map((command) => (
                    <button
                      key={command.verb}
                      type="button"
                      class={command.isDestructive ? 'quiet-destructive' : 'quiet-button'}
                      aria-label={`${command.verb} ${host.name}`}
                      onClick={() => {
                        asked.value = { host, command };
                      }}
                    >
                      {command.verb}
                    </button>
                  ))}
              </div>
            ),
          },
        ]}
      />
      <Alarms />
      {asked.value && (
        <HostQuestion
          {...asked.value}
          onDone={reload}
          onClose={() => {
            asked.value = undefined;
          }}
        />
      )}
    </Page>
  );
}

function Silence({ host: { downSince, heartbeatAt } }: { host: HostView }) {
  return (
    <>
      not heard for <Age since={downSince ?? heartbeatAt} />
    </>
  );
}

function reasonOf({ service, disabledReason, hypervisorReason }: HostView): string | undefined {
  return hypervisorReason ?? (service === 'enabled' ? undefined : disabledReason);
}
