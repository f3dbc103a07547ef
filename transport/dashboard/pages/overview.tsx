/** How the cloud is, at a glance. */
import { useComputed } from '@preact/signals';
import { Link } from 'wouter-preact';
import { api } from '../../messages/api.ts';
import type { Statistics } from '../../messages/statistics.ts';
import { ask, exchange } from '../ask.ts';
import { Bars } from '../components/bars.tsx';
import { HostState } from '../components/host-state.tsx';
import { hostUseColumns } from '../components/host-use.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Page } from '../components/page.tsx';
import { toneOf } from '../components/state.tsx';
import { Table } from '../components/table.tsx';
import { formatCount, plural } from '../format.ts';
import { QuotaUse } from '../forms/quota-use.tsx';
import { countStates } from '../list/listing.ts';
import { useHosts } from '../live/hosts.ts';
import { instances } from '../live/instances.ts';
import { LatestLaunch } from '../overview/latest-launch.tsx';
import { LaunchFigures } from '../overview/launch-figures.tsx';
import { LaunchRate } from '../overview/launch-rate.tsx';
import { StateTimes } from '../overview/state-times.tsx';
import { isAdministrator } from '../session.ts';
import { useAsked } from '../use-asked.ts';

const statisticsEveryMs = 5_000;
const quotaEveryMs = 10_000;

export function OverviewPage() {
  const { data, failure } = useAsked(() => exchange<Statistics>('GET', '/statistics'), [], statisticsEveryMs);
  const statistics = data.value;
  return (
    <Page title="Overview">
      <FailureNotice failure={failure.value} />
      {statistics && <LaunchFigures {...statistics} />}
      <div class="overview">
        <div class="column">
          <States />
          {!isAdministrator.value && <Quota />}
          {statistics && <Latest {...statistics} />}
          {statistics && <Failures {...statistics.launches} />}
        </div>
        <div class="column">
          {statistics && <Rate {...statistics} />}
          {statistics && <Times {...statistics.launches} />}
        </div>
        {isAdministrator.value && <Hosts />}
      </div>
    </Page>
  );
}

function Rate({ minutes }: Statistics) {
  return (
    <section class="panel" aria-labelledby="rate">
      <h2 id="rate">Launches in the last hour</h2>
      <LaunchRate minutes={minutes} />
    </section>
  );
}

function Latest({ latest }: Statistics) {
  return (
    <section class="panel" aria-labelledby="latest">
      <h2 id="latest">Latest launches</h2>
      <LatestLaunch latest={latest} />
    </section>
  );
}

function Times({ states, ended }: Statistics['launches']) {
  return (
    <section class="panel" aria-labelledby="times">
      <h2 id="times">
        Time in each state <OfTheLast count={ended} />
      </h2>
      {states.length === 0 ? <p class="quiet">Nothing was launched yet.</p> : <StateTimes states={states} />}
    </section>
  );
}

function Failures({ failures, ended }: Statistics['launches']) {
  return (
    <section class="panel" aria-labelledby="failures">
      <h2 id="failures">
        Failures <OfTheLast count={ended} />
      </h2>
      {failures.length === 0 ? (
        <p class="quiet">There was none.</p>
      ) : (
        <Bars
          caption="Failures of launches by code"
          head={['Code', 'Failures']}
          format={formatCount}
          bars={failures.map(({ code, count }) => ({ key: code, label: code, amount: count, tone: 'bad' }))}
        />
      )}
    </section>
  );
}

function OfTheLast({ count }: { count: number }) {
  return <span class="count">of the last {plural(count, 'launch', 'launches')}</span>;
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
          ...hostUseColumns,
        ]}
      />
    </section>
  );
}

function Quota() {
  const { data, failure } = useAsked(() => ask(api.quota.get, {}), [], quotaEveryMs);
  return data.value ? <QuotaUse quota={data.value.quota} /> : <FailureNotice failure={failure.value} />;
}
