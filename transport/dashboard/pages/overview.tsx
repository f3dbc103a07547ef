/** How the cloud is, at a glance. */
import { useComputed } from '@preact/signals';
import { Link } from 'wouter-preact';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { Bars } from '../components/bars.tsx';
import { HostState, roomOf } from '../components/host-state.tsx';
import { Meter } from '../components/meter.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Page } from '../components/page.tsx';
import { toneOf } from '../components/state.tsx';
import { Table } from '../components/table.tsx';
import { formatCount, formatDisk, formatMemory } from '../format.ts';
import { QuotaUse } from '../forms/quota-use.tsx';
import { countStates } from '../list/listing.ts';
import { useHosts } from '../live/hosts.ts';
import { instances } from '../live/instances.ts';
import { isAdministrator } from '../session.ts';
import { useAsked } from '../use-asked.ts';

export function OverviewPage() {
  return (
    <Page title="Overview">
      <div class="overview">
        <States />
        {isAdministrator.value ? <Hosts /> : <Quota />}
      </div>
    </Page>
  );
}

function States() {
  const states = useComputed(() => countStates(instances.value)).value;
  return (
    <section class="panel" aria-labelledby="states">
      <h2 id="states">
        Instances <span class="count">{formatCount(instances.value.length)}</span>
      </h2>
      {states.length === 0 ? (
        <p class="quiet">There are none.</p>
      ) : (
        <Bars
          caption="Instances by state"
          head={['State', 'Instances']}
          format={formatCount}
          bars={states.map(([vmState, count]) => ({
            key: vmState,
            label: <Link to={`/instances?state=${vmState}`}>{vmState}</Link>,
            amount: count,
            tone: toneOf({ vmState }),
          }))}
        />
      )}
    </section>
  );
}

function Hosts() {
  const { data, failure } = useHosts();
  return (
    <section class="panel wide" aria-labelledby="hosts">
      <h2 id="hosts">
        Hosts <span class="count">{data.value?.length}</span>
      </h2>
      <FailureNotice failure={failure.value} />
      <Table
        caption="Compute hosts and what is used of them"
        entries={data.value}
        keyOf={({ name }) => name}
        empty={<p>No compute host has made itself known yet.</p>}
        columns={[
          { name: 'Host', cell: ({ name }) => <strong>{name}</strong> },
          { name: 'State', cell: (host) => <HostState host={host} /> },
          { name: 'Zone', cell: ({ availabilityZone }) => availabilityZone },
          { name: 'Instances', cell: (host) => formatCount(host.instances), isNumber: true },
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
        ]}
      />
    </section>
  );
}

function Quota() {
  const { data } = useAsked(() => ask(api.quota.get, {}), [], 10_000);
  return data.value ? <QuotaUse quota={data.value.quota} flavor={undefined} count={0} /> : null;
}
