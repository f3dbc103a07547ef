/** Sets the limits of projects. */
import { api } from '../../transport/messages/api.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { found, missing } from '../records/lookup.ts';
import { QuotaViews } from '../records/quota-view.ts';
import { defaultQuota } from '../records/quotas.ts';
import { makeOrChangeRecord } from './change-record.ts';
import type { Writes } from './writes.ts';

export const quotaWrites: Writes = async (on, { store }) => {
  const [quotas, view, projects, views] = await Promise.all([
    store.bucket('quota'),
    store.view('quota'),
    store.view('project'),
    QuotaViews.open(store),
  ]);

  async function refuseUnknown(projectId: string): Promise<void> {
    await found(projects, () => {
      if (!projects.get(projectId)) throw missing('project', projectId, '/projectId');
    });
  }

  on(api.quota.set, async ({ projectId, ...limits }, { caller }) => {
    await refuseUnknown(projectId);
    const { revision } = await makeOrChangeRecord(quotas, projectId, (quota = defaultQuota) => ({
      ...quota,
      ...limits,
    }));
    await view.reached(revision);
    return { reply: { quota: views.of(projectId, caller) }, written: [{ bucket: 'quota', revision }] };
  });

  on(api.quota.reset, async ({ projectId }, { caller }) => {
    await refuseUnknown(projectId);
    for (;;) {
      const entry = await quotas.get(projectId);
      if (!entry) return { reply: { quota: views.of(projectId, caller) } };
      const { revision } = entry;
      if ((await quotas.remove(projectId, revision)) === conflict) continue;
      await view.left(projectId, revision);
      return {
        reply: { quota: views.of(projectId, caller) },
        written: [{ bucket: 'quota', revision, removed: projectId }],
      };
    }
  });
};
