/**
 * The instances, as they are now. They are loaded page by page as soon as the facts follow; from then on these change them
 * at once, and what a fact does not tell is asked for soon after, for all that have changed meanwhile together.
 */
import { effect, signal } from '@preact/signals';
import { type Failure, toFailure } from '../../../machines/failure.ts';
import type { InstanceView, ListInstances } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import type { InstanceFact } from '../../messages/internal.ts';
import { allOf, pagesOf } from '../../messages/pages.ts';
import type { LiveEntry } from '../../messages/web.ts';
import { ask } from '../ask.ts';
import { isAdministrator, session, viewer } from '../session.ts';
import { connection, listen } from './connection.ts';

const pageSize = 500;
/** How often the lists are made anew (ms). */
const showEveryMs = 100;
/** How soon after a fact the rest is asked for, and how often at most; later and later while nobody answers (ms). */
const refreshAfterMs = 250;
const mostRefreshAfterMs = 10_000;
/** As many are asked for one by one; of more, all that has changed lately. */
const mostSingly = 8;
/** What was changed when the API server had not seen it yet (ms). */
const overlapMs = 2_000;
/** What becomes of hosts only administrators hear: the others look now and then (ms). */
const lookAgainMs = 300_000;

/** Whose are shown: those of the project, or, for administrators, everybody's. */
export const scope = signal<'project' | 'all'>('project');

/** Those that are not deleted. */
export const instances = signal<readonly InstanceView[]>([]);
export const loading = signal<'loading' | 'done' | Failure>('loading');

const byUuid = new Map<string, InstanceView>();
/** Those that are shown as they were before all was to be asked for anew: what comes next of them is true, whenever it was. */
const outdated = new Set<string>();
/** When the oldest fact was told whose instance was not asked for since, by uuid (epoch ms). */
const stale = new Map<string, number>();
/** Counts the times that all was to be asked for anew: what was asked before that is worth nothing. */
let round = 0;
let shownAt = 0;
let showing: ReturnType<typeof setTimeout> | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let pauseMs = refreshAfterMs;
let isLoading = false;
let isLoadWanted = false;

/** One of them, also when it has been deleted since. */
export function instanceOf(uuid: string): InstanceView | undefined {
  // Whoever asks is told when there is a newer one.
  instances.value;
  return byUuid.get(uuid);
}

/** Loads and follows while somebody is signed in. */
export function keepInstances(): void {
  listen({ facts: hear, reset: loadAnew });
  effect(() => {
    scope.value = isAdministrator.value ? 'all' : 'project';
  });
  effect(() => {
    scope.value;
    clear();
    // Who is being connected is told when to.
    if (viewer.value !== undefined && connection.peek() !== 'connecting') load();
  });
  setInterval(() => {
    if (session.peek() && !isAdministrator.peek() && !document.hidden) load();
  }, lookAgainMs);
}

/** Takes what the API has answered, unless something newer is known by a fact. */
export function put(...views: readonly InstanceView[]): void {
  for (const view of views) if (!isOlder(view)) replace(view);
  show();
}

/** Whether something newer is known by now. */
function isOlder({ uuid, updatedAt }: Pick<InstanceView, 'uuid' | 'updatedAt'>): boolean {
  const known = byUuid.get(uuid);
  return known !== undefined && !outdated.has(uuid) && known.updatedAt > updatedAt;
}

function replace(view: InstanceView): void {
  byUuid.set(view.uuid, view);
  outdated.delete(view.uuid);
}

/** Asks for all of them anew; when that is being done already, once more after it. */
function load(): void {
  isLoadWanted = true;
  if (isLoading) return;
  isLoading = true;
  void (async () => {
    while (isLoadWanted) {
      isLoadWanted = false;
      await loadAll();
    }
    isLoading = false;
  })();
}

async function loadAll(): Promise<void> {
  const mine = round;
  const before = [...byUuid.keys()];
  if (before.length === 0) loading.value = 'loading';
  const seen = new Set<string>();
  try {
    for await (const page of pages({})) {
      if (mine !== round) return;
      put(...page);
      for (const { uuid } of page) seen.add(uuid);
    }
    if (mine !== round) return;
    for (const uuid of before) if (!seen.has(uuid)) byUuid.delete(uuid);
    loading.value = 'done';
    show();
  } catch (error) {
    if (mine === round) loading.value = toFailure(error);
  }
}

function clear(): void {
  forgetAsked();
  byUuid.clear();
  outdated.clear();
  show();
}

/** In a store that was put back, what is true is older than what was known. It is shown until it is replaced. */
function loadAnew(): void {
  forgetAsked();
  for (const uuid of byUuid.keys()) outdated.add(uuid);
  load();
}

function forgetAsked(): void {
  round++;
  isLoadWanted = false;
  clearTimeout(timer);
  timer = undefined;
  pauseMs = refreshAfterMs;
  stale.clear();
}

function hear(entries: readonly LiveEntry[]): void {
  for (const entry of entries) {
    // What becomes of a host its instances show.
    if (entry.kind === 'host' && ['down', 'up'].includes(entry.fact.type)) load();
    if (entry.kind !== 'instance' || !isShown(entry.fact)) continue;
    const { uuid, at } = entry.fact;
    patch(entry.fact);
    if (!stale.has(uuid)) stale.set(uuid, at);
  }
  if (stale.size > 0) refreshSoon();
}

function isShown({ projectId }: InstanceFact): boolean {
  return scope.peek() === 'all' || projectId === session.peek()?.project.id;
}

/** What a transition tells is true at once. */
function patch({ type, uuid, at, to, vmState, taskState, attempt, host, name }: InstanceFact): void {
  const known = byUuid.get(uuid);
  const updatedAt = new Date(at).toISOString();
  if (type !== 'transition' || !known || isOlder({ uuid, updatedAt })) return;
  const { taskState: _before, ...rest } = known;
  replace({
    ...rest,
    name,
    state: to,
    vmState: vmState as InstanceView['vmState'],
    ...(taskState !== undefined && { taskState }),
    attempt,
    ...(host !== undefined && { host }),
    // What it may be told then is asked for; to one that is gone nothing more is said.
    ...(vmState === 'deleted' && { commands: [] }),
    updatedAt,
  });
  show();
}

function refreshSoon(): void {
  timer ??= setTimeout(refresh, pauseMs);
}

/** Those that nobody answered for are asked for again. */
async function refresh(): Promise<void> {
  const mine = round;
  const asked = new Map(stale);
  stale.clear();
  const views = asked.size <= mostSingly ? await each(asked) : await changedSince(asked);
  if (mine !== round) return;
  put(...views);
  timer = undefined;
  pauseMs = asked.size === 0 ? refreshAfterMs : Math.min(pauseMs * 2, mostRefreshAfterMs);
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

/** Tells those who show them: at once, and no more often than they can show. */
function show(): void {
  if (showing !== undefined) return;
  showing = setTimeout(
    () => {
      showing = undefined;
      shownAt = performance.now();
      instances.value = [...byUuid.values()].filter(({ vmState }) => vmState !== 'deleted');
    },
    Math.max(0, shownAt + showEveryMs - performance.now()),
  );
}
