/** Projects: who instances and everything else belong to. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { Project } from '../../transport/messages/records.ts';
import { conflict, type Entry } from '../../transport/nats/bucket.ts';
import { missing } from '../records/lookup.ts';
import { viewProject } from '../records/project-view.ts';
import { Administrators } from './administrators.ts';
import { changeRecord } from './change-record.ts';
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
    await refuseInUse(id, await admissions.underWay(id));
    // Disabled, and looked at again: from here on nothing is admitted to it.
    const disabled = await administrators.changeProject(id, {
      change: (project) => ({ ...project, isEnabled: false }),
      undo: (project, { isEnabled }) => ({ ...project, isEnabled }),
    });
    if (!disabled) throw missing('project', id, '/id');
    const { revision, before } = disabled;
    try {
      await refuseInUse(id, await admissions.close(id, revision));
    } catch (error) {
      // As it was; unless somebody has changed it since, who then knows better.
      await projects.update(id, before, revision);
      throw error;
    }
    if ((await projects.remove(id, revision)) === conflict) {
      throw fail('conflict', `project ${id} was changed just now`, { disposition: 'retry' });
    }
    const left = await removeLeftovers(store, ({ projectId }) => projectId === id);
    return { reply: {}, written: [{ bucket: 'project', revision, removed: id }, ...left] };
  });

  /** Rejects with `conflict` while the project has instances, recorded or under way, or images of its own. */
  async function refuseInUse(id: string, underWay: string[]): Promise<void> {
    await Promise.all([instances.caughtUp(), images.caughtUp()]);
    const recorded = [...instances.values()].filter(
      ({ projectId, vmState }) => projectId === id && vmState !== 'deleted',
    );
    const held = {
      instances: recorded.length + underWay.filter((uuid) => !instances.get(uuid)).length,
      images: [...images.values()].filter(({ projectId, deletion }) => projectId === id && !deletion).length,
    };
    for (const [what, count] of Object.entries(held)) {
      if (count > 0)
        throw fail('conflict', `project ${id} still has ${what}: ${count}`, { details: { field: '/id', ...held } });
    }
  }
};

function answer({ value, revision }: Entry<Project>) {
  return { reply: { project: viewProject(value) }, written: [{ bucket: 'project' as const, revision }] };
}
