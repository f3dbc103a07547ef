/** The compute hosts, for administrators: asked for again when a fact says that one has changed, and every few seconds. */
import { effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { HostView } from '../../messages/api/host.ts';
import { api } from '../../messages/api.ts';
import type { AlarmFact } from '../../messages/internal.ts';
import { askAll } from '../ask-all.ts';
import { tell } from '../components/toasts.tsx';
import { shownTo } from '../session.ts';
import { type Asked, useAsked } from '../use-asked.ts';
import { listen } from './connection.ts';

/** What instances have of a host changes without a fact of the host's. */
const lookAgainMs = 5_000;
const mostAlarms = 20;

const listHosts = () =>
  askAll(
    api.host.list,
    ({ hosts }) => hosts,
    ({ name }) => name,
  );

export function useHosts(): Asked<HostView[]> {
  const hosts = useAsked(listHosts, [], lookAgainMs);
  const { reload } = hosts;
  useEffect(
    () =>
      listen({
        facts: (entries) => entries.some(({ kind }) => kind === 'host') && void reload(),
        reset: () => void reload(),
      }),
    [reload],
  );
  return hosts;
}

/** Those heard since whoever is signed in is, the latest first. */
export const alarms = signal<readonly AlarmFact[]>([]);

export function hearAlarms(): void {
  effect(() => {
    shownTo.value;
    alarms.value = [];
  });
  listen({
    facts(entries) {
      const heard = entries.flatMap((entry) => (entry.kind === 'alarm' ? [entry.fact] : []));
      if (heard.length === 0) return;
      alarms.value = [...heard.toReversed(), ...alarms.value].slice(0, mostAlarms);
      // They stay on the page of the hosts.
      for (const { message } of heard) tell(message, { isError: true, isKept: false });
    },
    reset() {},
  });
}
