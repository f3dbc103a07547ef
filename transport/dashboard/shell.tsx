/** What stands around every page: where one can go, who one is, and whether what one sees is live. */
import type { ComponentChildren } from 'preact';
import { Link, useLocation } from 'wouter-preact';
import { toFailure } from '../../machines/failure.ts';
import type { SessionView } from '../messages/web.ts';
import { Icon, type IconName } from './components/icon.tsx';
import { tell } from './components/toasts.tsx';
import { connection } from './live/connection.ts';
import { useProjects } from './live/projects.ts';
import { session as current, isAdministrator, signOut, switchProject } from './session.ts';

interface Place {
  to: string;
  label: string;
  icon: IconName;
}

const places: readonly Place[] = [
  { to: '/overview', label: 'Overview', icon: 'overview' },
  { to: '/instances', label: 'Instances', icon: 'instances' },
  { to: '/images', label: 'Images', icon: 'images' },
  { to: '/key-pairs', label: 'Key pairs', icon: 'keys' },
];
const hosts: Place = { to: '/hosts', label: 'Hosts', icon: 'hosts' };
const charts: Place = { to: '/charts', label: 'Charts', icon: 'charts' };

export function Shell({ session, children }: { session: SessionView; children: ComponentChildren }) {
  return (
    <div class="shell">
      <a class="skip" href="#content">
        Skip to content
      </a>
      <header class="brand">
        <Link to="/overview">
          <Mark />
          Kilonova
        </Link>
      </header>
      <nav class="places" aria-label="Pages">
        <ul>
          {[...places, ...(isAdministrator.value ? [hosts] : []), charts].map((place) => (
            <PlaceLink key={place.to} {...place} />
          ))}
        </ul>
      </nav>
      {/* What was asked for somebody else is not shown. */}
      <Account key={session.user.id} session={session} />
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function PlaceLink({ to, label, icon }: Place) {
  const [location] = useLocation();
  const isHere = location === to || location.startsWith(`${to}/`);
  return (
    <li>
      <Link to={to} {...(isHere && { 'aria-current': 'page' })}>
        <Icon name={icon} />
        {label}
      </Link>
    </li>
  );
}

function Account({ session: { user, project } }: { session: SessionView }) {
  const quit = () => signOut().catch((error: unknown) => tell(toFailure(error).message, { isError: true }));
  return (
    <section class="account" aria-label="Account">
      <Connection />
      <Project project={project} />
      <div class="user">
        <span class="name" title={user.id}>
          {user.name}
        </span>
        <button type="button" class="bare" onClick={quit}>
          <Icon name="signOut" />
          <span>Sign out</span>
        </button>
      </div>
    </section>
  );
}

const told = { off: 'Not connected', connecting: 'Connecting', live: 'Live', lost: 'Reconnecting' } as const;

function Connection() {
  return (
    <p class={`connection ${connection.value}`} role="status">
      {told[connection.value]}
    </p>
  );
}

/** The project that one works in, and the others that one may. */
function Project({ project }: { project: SessionView['project'] }) {
  const others = useProjects().filter(({ id, isEnabled }) => isEnabled && id !== project.id);
  if (others.length === 0) return <p class="project">{project.name}</p>;

  async function change(select: HTMLSelectElement): Promise<void> {
    try {
      await switchProject(select.value);
    } catch (error) {
      // It may be that one all the same: what failed came after.
      select.value = current.peek()?.project.id ?? '';
      tell(toFailure(error).message, { isError: true });
    }
  }

  return (
    <select
      class="project"
      aria-label="Project"
      value={project.id}
      onChange={({ currentTarget }) => void change(currentTarget)}
    >
      <option value={project.id}>{project.name}</option>
      {others.map(({ id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </select>
  );
}

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <ellipse cx="10" cy="10" rx="9" ry="3.4" transform="rotate(-32 10 10)" />
      <circle cx="10" cy="10" r="3" />
    </svg>
  );
}
