/** What is looked at: a machine, and which instance or host is lit in it. */
import { useSignal } from '@preact/signals';
import { Link } from 'wouter-preact';
import type { ChartName } from '../../visualizer/known-charts.ts';
import { InstanceState, State } from '../components/state.tsx';
import { useHosts } from '../live/hosts.ts';
import { instances } from '../live/instances.ts';
import { isAdministrator } from '../session.ts';
import { charts } from './pictures.ts';

/** More than can be looked through are found by writing more of the name. */
const mostFound = 8;

export function Machines({ machine }: { machine: ChartName }) {
  return (
    <nav class="machines" aria-label="Machines">
      {Object.keys(charts).map((name) => (
        <Link key={name} class="chip" to={`/charts/${name}`} {...(name === machine && { 'aria-current': 'page' })}>
          {name}
        </Link>
      ))}
    </nav>
  );
}

export function InstanceChoice({ uuid }: { uuid: string | undefined }) {
  const text = useSignal('');
  const wanted = text.value.trim().toLowerCase();
  const found = instances.value.filter(
    (each) => each.name.toLowerCase().includes(wanted) || each.uuid.startsWith(wanted),
  );
  const isOpen = wanted !== '' || uuid === undefined;
  return (
    <section class="choice-of" aria-label="Instance">
      <input
        type="search"
        aria-label="Find an instance by name or id"
        placeholder="Find an instance by name or id"
        value={text.value}
        onInput={({ currentTarget }) => {
          text.value = currentTarget.value;
        }}
      />
      {isOpen && (
        <ul>
          {found.slice(0, mostFound).map((each) => (
            <li key={each.uuid}>
              <Link to={`/instances/${each.uuid}/chart`} {...(each.uuid === uuid && { 'aria-current': 'true' })}>
                <span class="wrap">{each.name}</span>
                <InstanceState {...each} />
              </Link>
            </li>
          ))}
        </ul>
      )}
      {isOpen && found.length > mostFound && <p class="quiet">and {found.length - mostFound} more</p>}
      {isOpen && found.length === 0 && <p class="quiet">There is none.</p>}
    </section>
  );
}

export function HostChoice({ host }: { host: string | undefined }) {
  if (!isAdministrator.value) return <p class="quiet">Whose state this is, administrators see.</p>;
  return <Hosts host={host} />;
}

function Hosts({ host }: { host: string | undefined }) {
  const { data } = useHosts();
  return (
    <section class="choice-of" aria-label="Host">
      <ul>
        {(data.value ?? []).map(({ name, hypervisorState }) => (
          <li key={name}>
            <Link to={`/charts/host/${encodeURIComponent(name)}`} {...(name === host && { 'aria-current': 'true' })}>
              <span class="wrap">{name}</span>
              <State tone={hypervisorState === 'up' ? 'good' : 'warning'}>{hypervisorState}</State>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
