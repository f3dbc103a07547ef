/** What has happened to an instance or a host, from its facts. */
import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Failure, toFailure } from '../../../machines/failure.ts';
import { api } from '../../messages/api.ts';
import type { HostFact, InstanceFact } from '../../messages/internal.ts';
import { allOf, pagesOf } from '../../messages/pages.ts';
import type { LiveEntry } from '../../messages/web.ts';
import type { Moment } from '../../visualizer/path-taken.ts';
import { ask, mayPass } from '../ask.ts';
import { listen } from '../live/connection.ts';

export interface ToldMoment extends Moment {
  /** Unique among those of its subject. */
  key: number;
  words: string;
  /** All that was told. */
  payload: unknown;
}

export type Subject = { uuid: string } | { host: string };

export interface History {
  moments: ReadonlySignal<readonly ToldMoment[]>;
  isLoaded: ReadonlySignal<boolean>;
  failure: ReadonlySignal<Failure | undefined>;
}

const pageSize = 500;
/** How soon the past is asked for again that nobody answered; later and later (ms). */
const leastPauseMs = 1_000;
const mostPauseMs = 10_000;

/** From as far back as it is known, and on as it happens. */
export function useHistory(subject: Subject | undefined): History {
  const moments = useSignal<readonly ToldMoment[]>([]);
  const isLoaded = useSignal(false);
  const failure = useSignal<Failure | undefined>(undefined);
  const key = JSON.stringify(subject);

  useEffect(() => {
    moments.value = [];
    isLoaded.value = false;
    failure.value = undefined;
    if (!subject) return;
    /** Counts the times that the past was asked for: what an earlier time brings is worth nothing. */
    let round = 0;
    let again: ReturnType<typeof setTimeout> | undefined;
    /** Without what was before, what comes would stand there as if it had come by no path: until then it waits. */
    let isWhole = false;
    /** There is no such subject, or it is not for who asks: until it is heard of. */
    let isRefused = false;
    /** Once each: what was heard is told again by the past. */
    const known = new Map<number, ToldMoment>();
    const add = (told: readonly ToldMoment[]) => {
      for (const moment of told) known.set(moment.key, moment);
      if (isWhole) moments.value = [...known.values()].toSorted((one, other) => one.key - other.key);
    };
    const load = async (pauseMs = leastPauseMs) => {
      const mine = ++round;
      clearTimeout(again);
      // In a store that was put back, the same numbers are other facts. What is shown stays until it is replaced.
      known.clear();
      isWhole = false;
      isRefused = false;
      try {
        const told = await past(subject);
        if (mine !== round) return;
        isWhole = true;
        isLoaded.value = true;
        failure.value = undefined;
        add(told);
      } catch (error) {
        if (mine !== round) return;
        failure.value = toFailure(error);
        isRefused = !mayPass(failure.value);
        if (isRefused) moments.value = [];
        else again = setTimeout(load, pauseMs, Math.min(pauseMs * 2, mostPauseMs));
      }
    };
    const stop = listen({
      facts(entries) {
        const told = entries.flatMap((entry) => momentOf(entry, subject) ?? []);
        if (told.length === 0) return;
        add(told);
        if (isRefused) void load();
      },
      reset: () => void load(),
    });
    void load();
    return () => {
      round++;
      clearTimeout(again);
      stop();
    };
  }, [key]);

  return { moments, isLoaded, failure };
}

async function past(subject: Subject): Promise<ToldMoment[]> {
  if ('uuid' in subject)
    return (await factsFrom((page) => ask(api.fact.list, { ...subject, ...page }))).map(ofInstance);
  const told = await factsFrom((page) => ask(api.host.facts, { ...subject, ...page }));
  return told.length > 0 ? told.map(ofHost) : [await asItStands(subject.host)];
}

function factsFrom<Told extends { sequence: number }>(
  list: (page: { limit: number; marker?: number }) => Promise<{ facts: Told[] }>,
): Promise<Told[]> {
  return allOf(
    pagesOf(
      async (from: { marker?: number }) => (await list({ limit: pageSize, ...from })).facts,
      ({ sequence }) => sequence,
    ),
  );
}

/** A host may go on for longer than facts are kept, without any of its own. */
async function asItStands(name: string): Promise<ToldMoment> {
  const { host } = await ask(api.host.get, { host: name });
  const states = hostStates(`${host.hypervisorState} ${host.service}`);
  return {
    key: 0,
    at: Date.now(),
    states,
    isMove: false,
    words: 'as it was when this page looked first',
    payload: host,
  };
}

function momentOf(entry: LiveEntry, subject: Subject): ToldMoment | undefined {
  if (entry.kind === 'instance' && 'uuid' in subject && entry.fact.uuid === subject.uuid) return ofInstance(entry);
  if (entry.kind === 'host' && 'host' in subject && entry.fact.host === subject.host) return ofHost(entry);
  return undefined;
}

function ofInstance({ sequence, fact }: { sequence: number; fact: InstanceFact }): ToldMoment {
  const { type, at, to, command, failure } = fact;
  const isMove = type === 'transition';
  return {
    key: sequence,
    at,
    states: [to],
    isMove,
    ...(command !== undefined && { command }),
    ...(failure && { fault: failure.message }),
    words: isMove ? to : wordsOf(type, command),
    payload: fact,
  };
}

function ofHost({ sequence, fact }: { sequence: number; fact: HostFact }): ToldMoment {
  const { type, at, to, command, reason } = fact;
  const isMove = type === 'transition' || command !== undefined;
  return {
    key: sequence,
    at,
    states: hostStates(to),
    isMove,
    ...(command !== undefined && { command }),
    ...(type === 'transition' && reason !== undefined && { fault: reason }),
    words: type === 'transition' ? to.replace(' ', ', ') : wordsOf(type, command),
    payload: fact,
  };
}

function wordsOf(type: string, command: string | undefined): string {
  return command === undefined ? `told: ${type}` : `asked: ${command}`;
}

/** `up enabled`: one for each of the two parts of the chart. */
function hostStates(told: string): string[] {
  const [hypervisor, service] = told.split(' ');
  return [`hypervisor.${hypervisor}`, `service.${service}`];
}
