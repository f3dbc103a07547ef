/** The compute hosts, for administrators: how full they are, and what is wanted of them. */
import { useRef } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { HostView } from '../../messages/api/host.ts';
import { Age } from '../components/age.tsx';
import { HostState, isDown } from '../components/host-state.tsx';
import { hostUseColumns } from '../components/host-use.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Opener } from '../components/opener.tsx';
import { Page } from '../components/page.tsx';
import { Table } from '../components/table.tsx';
import { HostQuestion, hostCommands } from '../forms/host-question.tsx';
import { useHosts } from '../live/hosts.ts';
import { useFocusWithin } from '../use-focus-within.ts';
import { Alarms } from './alarms.tsx';

export function HostsPage() {
  const { data, failure, reload } = useHosts();
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
                <Link to={`/charts/host/${encodeURIComponent(host.name)}`}>
                  <strong>{host.name}</strong>
                </Link>
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
          ...hostUseColumns,
          {
            name: 'Actions',
            cell: (host) => <Commands host={host} onDone={reload} />,
          },
        ]}
      />
      <Alarms />
    </Page>
  );
}

function Commands({ host, onDone }: { host: HostView; onDone(): unknown }) {
  const element = useRef<HTMLFieldSetElement>(null);
  useFocusWithin(element);
  return (
    <fieldset ref={element} tabIndex={-1} class="actions" aria-label={`What ${host.name} may be told`}>
      {hostCommands
        .filter(({ isOffered }) => isOffered(host))
        .map((command) => (
          <Opener
            key={command.verb}
            class={command.isDestructive ? 'quiet-destructive' : 'quiet-button'}
            aria-label={`${command.verb} ${host.name}`}
            opens={(close) => <HostQuestion host={host} command={command} onDone={onDone} onClose={close} />}
          >
            {command.verb}
          </Opener>
        ))}
    </fieldset>
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
