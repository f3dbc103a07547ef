/** What a project may have, and has. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import { maySee } from '../identity/authenticator.ts';
import { missing } from '../records/lookup.ts';
import { QuotaViews } from '../records/quota-view.ts';
import type { Reads } from './reads.ts';

export const quotaReads: Reads = async (on, { store }) => {
  const [projects, views] = await Promise.all([store.view('project'), QuotaViews.open(store)]);

  on(api.quota.get, ({ projectId: asked }, { caller }) => {
    const projectId = asked ?? caller.projectId;
    if (!maySee(caller, projectId)) {
      throw fail('forbidden', 'field /projectId: the quotas of other projects are for administrators', {
        details: { field: '/projectId' },
      });
    }
    if (!projects.get(projectId)) throw missing('project', projectId, '/projectId');
    return { quota: views.of(projectId, caller) };
  });
};
