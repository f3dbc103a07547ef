/** The projects that one has a role in, an administrator all: asked for when one comes into another, and now and then. */
import { computed, signal, useSignalEffect } from '@preact/signals';
import type { ProjectView } from '../../messages/api/identity.ts';
import { api } from '../../messages/api.ts';
import { askAll } from '../ask-all.ts';
import { shownTo } from '../session.ts';
import { useAsked } from '../use-asked.ts';

/** No fact tells of projects. */
const lookAgainMs = 60_000;

const known = signal<readonly ProjectView[]>([]);
const names = computed(() => new Map(known.value.map(({ id, name }) => [id, name])));

const listProjects = () =>
  askAll(
    api.project.list,
    ({ projects }) => projects,
    ({ id }) => id,
  );

/** Other eyes, and the same in another project, may see others. */
export function useProjects(): readonly ProjectView[] {
  const { data } = useAsked(listProjects, [shownTo.value], lookAgainMs);
  useSignalEffect(() => {
    known.value = data.value ?? [];
  });
  return data.value ?? [];
}

/** What it is called, or its id while that is not known. */
export function projectName(id: string): string {
  return names.value.get(id) ?? id;
}
