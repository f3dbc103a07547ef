/** Quotas of what is made by one write: key pairs, server groups, security groups. Instances have `admissions.ts`. */
import { fail } from '../../machines/failure.ts';
import type { Quota } from '../../transport/messages/records.ts';
import { quotaOf } from '../records/quotas.ts';
import type { Store } from '../runtime/store.ts';
import { earlierThan, type Made } from './store-order.ts';

/** Rejects with `quota_exceeded`, and takes away what was made, when the earlier ones that count use the quota up. */
export async function keepWithinQuota<T>(
  made: Made<T>,
  store: Store,
  resource: keyof Quota,
  projectId: string,
  isCounted: (record: T) => boolean,
): Promise<void> {
  const quotas = await store.view('quota');
  // It may have been changed just now, by another controller.
  await quotas.caughtUp();
  const limit = quotaOf(quotas, projectId)[resource];
  if (limit < 0) return;
  const used = (await earlierThan(made, isCounted)).length;
  if (used < limit) return;
  await made.bucket.remove(made.key, made.revision);
  throw fail('quota_exceeded', `the project's quota of ${limit} ${resource} is used up`, {
    details: { resource, limit, used, requested: 1 },
  });
}
