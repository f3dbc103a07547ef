/** Projects: who instances and everything else belong to. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { Project } from '../../transport/messages/records.ts';
import { conflict, type Entry } from '../../transport/nats/bucket.ts';
import { missing } from '../records/lookup.ts';
import { viewProject } from '../records/project-view.ts';
import { Administrators } from './administrators.ts';
import { type Changed, changeRecord } from './change-record.ts';
import { createWithId } from './create-with-id.ts';
import { removeLeftovers } from './leftovers.ts';
import type { Writes } from './writes.ts';

export const projectWrites: Writes = async (on, { store, clock, chance, admissions }) => {
  const [projects, instances, images] = await Promise.all([
    store.bucket('project'),
    store.view('instance'),
    store.view('image'),
  ]);
  const administrators = new Administrators(store);

  on(api.project.create, async ({ id: asked, name }) =>
    answer(
      await createWithId(projects, chance, 'project', asked, (id) => ({
        id,
        name,
        isEnabled: true,
        createdAt: clock.now(),
      })),
    ),
  );

  on(api.project.update, async ({ id, ...changes }) => {
    const change = (project: Project) => ({ ...project, ...changes });
    const undo = (project: Project, { name, isEnabled }: Project) => ({ ...project, name, isEnabled });
    const changed = await (changes.isEnabled === false
      ? administrators.changeProject(id, { change, undo })
      : changeRecord(projects, id, change));
    if (!changed) throw missing('project', id, '/id');
    return answer(changed);
  });

  on(api.project.delete, async ({ id }) => {
    // Disabled first, so that what is looked for can no longer come.
    const disabled = await administrators.changeProject(id, {
      change: (project) => ({ ...project, isEnabled: false }),
      undo: (project, { isEnabled }) => ({ ...project, isEnabled }),
    });
    if (!disabled) throw missing('project', id, '/id');
    try {
      await refuseInUse(disabled);
    } catch (error) {
      // As it was; unless somebody has changed it since, who then knows better.
      await projects.update(id, disabled.before, disabled.revision);
      throw error;
    }
    const { revision } = disabled;
    if ((await projects.remove(id, revision)) === conflict) {
      throw fail('conflict', `project ${id} was changed just now`, { disposition: 'retry' });
    }
    const left = await removeLeftovers(store, ({ projectId }) => projectId === id);
    return { reply: {}, written: [{ bucket: 'project', revision, removed: id }, ...left] };
  });

  /** Rejects with `conflict` while the project has instances, or is about to, or has images of its own. */
  async function refuseInUse({ key: id, revision }: Changed<Project>): Promise<void> {
    const underWay = new Set(await admissions.close(id, revision));
    await Promise.all([instances.caughtUp(), images.caughtUp()]);
    for (const { uuid, projectId, vmState } of instances.values()) {
      if (projectId === id && vmState !== 'deleted') underWay.add(uuid);
      else underWay.delete(uuid);
    }
    const held = {
      instances: underWay.size,
      images: [...images.values()].filter(({ projectId, deletion }) => projectId === id && !deletion).length,
    };
    for (const [what, count] of Object.entries(held)) {
      if (count > 0)
        throw fail('conflict', `project ${id} has ${count} ${what}`, { details: { field: '/id', ...held } });
    }
  }
};

function answer({ value, revision }: Entry<Project>) {
  return { reply: { project: viewProject(value) }, written: [{ bucket: 'project' as const, revision }] };
}
