/**
 * Keeps the instances that are known right. They are loaded page by page as soon as the facts follow; from then on these
 * change them at once, and what a fact does not tell is asked for soon after, for all that have changed meanwhile together.
 */
import { effect } from '@preact/signals';
import { toFailure } from '../../../machines/failure.ts';
import type { InstanceView, ListInstances } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import type { InstanceFact } from '../../messages/internal.ts';
import { allOf, pagesOf } from '../../messages/pages.ts';
import type { LiveEntry } from '../../messages/web.ts';
import { ask, mayPass } from '../ask.ts';
import { isAdministrator, session, shownTo, viewer } from '../session.ts';
import { connection, listen } from './connection.ts';
import { change, clear, instances, isWanted, knownUuids, loading, outdate, put, retain, scope } from './instances.ts';

const pageSize = 500;
/** How soon after a fact the rest is asked for, and how often at most; later and later while nobody answers (ms). */
const refreshAfterMs = 250;
/** How soon all are asked for again that nobody has told; later and later (ms). */
const loadAgainMs = 1_000;
const mostPauseMs = 10_000;
/** As many are asked for one by one; of more, all that has changed lately. */
const mostSingly = 8;
/** What was changed when the API server had not seen it yet (ms). */
const overlapMs = 2_000;
/** What becomes of hosts only administrators hear: the others look now and then (ms). */
const lookAgainMs = 300_000;

/** When the oldest fact was told whose instance was not asked for since, by uuid (epoch ms). */
const stale = new Map<string, number>();
/** Counts the times that all was to be asked for anew: what was asked before that is worth nothing. */
let round = 0;
let refreshing: ReturnType<typeof setTimeout> | undefined;
let refreshPauseMs = refreshAfterMs;
/** Of which it is being asked for all of them. */
let loadingRound: number | undefined;
let isLoadWanted = false;
let loadingAgain: ReturnType<typeof setTimeout> | undefined;
let loadPauseMs = loadAgainMs;

/** Loads and follows while somebody is signed in. */
export function followInstances(): void {
  listen({ facts: hear, reset: loadAnew });
  effect(() => {
    scope.value = isAdministrator.value ? 'all' : 'project';
  });
  effect(() => {
    shownTo.value;
    scope.value;
    clear();
  });
  effect(() => {
    scope.value;
    forgetAsked();
    // Who is being connected is told when to.
    if (viewer.value !== undefined && connection.peek() !== 'connecting') load();
  });
  setInterval(() => {
    if (session.peek() && !isAdministrator.peek() && !document.hidden) load();
  }, lookAgainMs);
}

/** Asks for all of them anew; when that is being done already, once more after it. */
function load(): void {
  clearTimeout(loadingAgain);
  isLoadWanted = true;
  if (loadingRound === round) return;
  const mine = round;
  loadingRound = mine;
  void (async () => {
    while (isLoadWanted && mine === round) {
      isLoadWanted = false;
      await loadAll();
    }
    if (loadingRound === mine) loadingRound = undefined;
  })();
}

async function loadAll(): Promise<void> {
  const mine = round;
  const before = knownUuids();
  if (instances.peek().length === 0) loading.value = 'loading';
  const seen = new Set<string>();
  try {
    for await (const page of pages({})) {
      if (mine !== round) return;
      put(...page);
      for (const { uuid } of page) seen.add(uuid);
    }
    if (mine !== round) return;
    retain(before, seen);
    loading.value = 'done';
    loadPauseMs = loadAgainMs;
  } catch (error) {
    if (mine !== round) return;
    const failure = toFailure(error);
    loading.value = failure;
    if (!mayPass(failure)) return;
    loadingAgain = setTimeout(load, loadPauseMs);
    loadPauseMs = Math.min(loadPauseMs * 2, mostPauseMs);
  }
}

function loadAnew(): void {
  forgetAsked();
  outdate();
  load();
}

function forgetAsked(): void {
  round++;
  isLoadWanted = false;
  clearTimeout(loadingAgain);
  loadPauseMs = loadAgainMs;
  clearTimeout(refreshing);
  refreshing = undefined;
  refreshPauseMs = refreshAfterMs;
  stale.clear();
}

function hear(entries: readonly LiveEntry[]): void {
  for (const entry of entries) {
    // What becomes of a host its instances show.
    if (entry.kind === 'host' && ['down', 'up'].includes(entry.fact.type)) load();
    if (entry.kind !== 'instance' || !isWanted(entry.fact)) continue;
    const { uuid, at } = entry.fact;
    patch(entry.fact);
    if (!stale.has(uuid)) stale.set(uuid, at);
  }
  if (stale.size > 0) refreshSoon();
}

/** What a transition tells is true at once. */
function patch({ type, uuid, at, to, vmState, taskState, attempt, host, name }: InstanceFact): void {
  if (type !== 'transition') return;
  change(uuid, new Date(at).toISOString(), ({ taskState: _before, ...rest }) => ({
    ...rest,
    name,
    state: to,
    vmState: vmState as InstanceView['vmState'],
    ...(taskState !== undefined && { taskState }),
    attempt,
    ...(host !== undefined && { host }),
    // What it may be told then is asked for; to one that is gone nothing more is said.
    ...(vmState === 'deleted' && { commands: [] }),
  }));
}

function refreshSoon(): void {
  refreshing ??= setTimeout(refresh, refreshPauseMs);
}

/** Those that nobody answered for are asked for again. */
async function refresh(): Promise<void> {
  const mine = round;
  const asked = new Map(stale);
  stale.clear();
  const views = asked.size <= mostSingly ? await each(asked) : await changedSince(asked);
  if (mine !== round) return;
  put(...views);
  refreshing = undefined;
  refreshPauseMs = asked.size === 0 ? refreshAfterMs : Math.min(refreshPauseMs * 2, mostPauseMs);
  for (const [uuid, at] of asked) stale.set(uuid, at);
  if (stale.size > 0) refreshSoon();
}

/** Leaves those that it got no answer for. */
async function each(asked: Map<string, number>): Promise<InstanceView[]> {
  const views: InstanceView[] = [];
  await Promise.all(
    [...asked.keys()].map(async (uuid) => {
      try {
        views.push((await ask(api.instance.get, { uuid })).instance);
      } catch (error) {
        if (toFailure(error).code !== 'not_found') return;
      }
      asked.delete(uuid);
    }),
  );
  return views;
}

/** As `each`, of all that has changed lately. */
async function changedSince(asked: Map<string, number>): Promise<InstanceView[]> {
  const changedSince = new Date(Math.min(...asked.values()) - overlapMs).toISOString();
  try {
    const views = await allOf(pages({ changedSince, sortBy: 'updatedAt', order: 'ascending' }));
    asked.clear();
    return views;
  } catch {
    return [];
  }
}

function pages(query: ListInstances): AsyncGenerator<readonly InstanceView[]> {
  const allProjects = scope.peek() === 'all';
  return pagesOf(
    async (from: { marker?: string }) => {
      const body = { ...query, limit: pageSize, ...from, ...(allProjects && { allProjects }) };
      return (await ask(api.instance.list, body)).instances;
    },
    ({ uuid }) => uuid,
  );
}
