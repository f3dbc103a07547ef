/** The instances that are known, as they are now: those that are listed, and those that a page shows. */
import { signal } from '@preact/signals';
import type { Failure } from '../../../machines/failure.ts';
import type { InstanceView } from '../../messages/api/instance.ts';
import { shownSession } from '../session.ts';

/** How often the lists are made anew (ms). */
const showEveryMs = 100;
/** So many that are deleted are remembered: an answer that is late would bring back those that are not. */
const mostDeleted = 1_000;

/** Whose are listed: those of the project, or, for administrators, everybody's. */
export const scope = signal<'project' | 'all'>('project');

/** Those that are listed: none that is deleted. */
export const instances = signal<readonly InstanceView[]>([]);
/** How it stands with asking for all of them. */
export const loading = signal<'loading' | 'done' | Failure>('loading');

const byUuid = new Map<string, InstanceView>();
/** Those that are shown as they were before all was to be asked for anew: what comes next of them is true, whenever it was. */
const outdated = new Set<string>();
/** Those that a page shows, and how often. */
const kept = new Map<string, number>();
let shownAt = 0;
let showing: ReturnType<typeof setTimeout> | undefined;

/** One of them, also when it is in no list. */
export function instanceOf(uuid: string): InstanceView | undefined {
  // Whoever asks is told when there is a newer one.
  instances.value;
  return byUuid.get(uuid);
}

/** Has one known for as long as a page shows it, also when it is in no list; returns the function that ends it. */
export function keep(uuid: string): () => void {
  kept.set(uuid, (kept.get(uuid) ?? 0) + 1);
  return () => {
    const left = (kept.get(uuid) ?? 1) - 1;
    if (left > 0) kept.set(uuid, left);
    else kept.delete(uuid);
  };
}

/** Whether it is listed, or shown by a page: what becomes of all others is nothing to whoever looks. */
export function isWanted({ uuid, projectId }: Pick<InstanceView, 'uuid' | 'projectId'>): boolean {
  return isInScope(projectId) || kept.has(uuid);
}

/** Takes what the API has answered, unless something newer is known by a fact. */
export function put(...views: readonly InstanceView[]): void {
  for (const view of views) if (!isOlder(view)) replace(view);
  show();
}

/** Changes one that is known, unless something newer is. */
export function change(uuid: string, updatedAt: string, toBe: (known: InstanceView) => InstanceView): void {
  const known = byUuid.get(uuid);
  if (!known || isOlder({ uuid, updatedAt })) return;
  replace({ ...toBe(known), updatedAt });
  show();
}

/** There are none but these, of those that were known `before`. */
export function retain(before: readonly string[], seen: ReadonlySet<string>): void {
  for (const uuid of before) if (!seen.has(uuid) && !kept.has(uuid)) byUuid.delete(uuid);
  show();
}

/** There is none of that uuid, or none any more in a store that was put back. */
export function forget(uuid: string): void {
  byUuid.delete(uuid);
  show();
}

export function knownUuids(): string[] {
  return [...byUuid.keys()];
}

/** In a store that was put back, what is true is older than what was known. It is shown until it is replaced. */
export function outdate(): void {
  for (const uuid of byUuid.keys()) outdated.add(uuid);
}

export function clear(): void {
  byUuid.clear();
  outdated.clear();
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

function isInScope(projectId: string): boolean {
  return scope.peek() === 'all' || projectId === shownSession.peek()?.project.id;
}

/** Tells those who show them: at once, and no more often than they can show. */
function show(): void {
  if (showing !== undefined) return;
  showing = setTimeout(
    () => {
      showing = undefined;
      shownAt = performance.now();
      const { deleted = [], there = [] } = Object.groupBy(byUuid.values(), ({ vmState }) =>
        vmState === 'deleted' ? 'deleted' : 'there',
      );
      const tooMany = deleted.filter(({ uuid }) => !kept.has(uuid)).slice(0, -mostDeleted);
      for (const { uuid } of tooMany) byUuid.delete(uuid);
      instances.value = there.filter(({ projectId }) => isInScope(projectId));
    },
    Math.max(0, shownAt + showEveryMs - performance.now()),
  );
}
