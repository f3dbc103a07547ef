/** Quotas of what is made by one write: key pairs, server groups, security groups. Instances have `admissions.ts`. */
import { fail } from '../../machines/failure.ts';
import type { Quota } from '../../transport/messages/records.ts';
import { quotaOf } from '../records/quotas.ts';
import type { Store } from '../runtime/store.ts';
import { earlierThan, type Made } from './store-order.ts';

/** How many of it the project may have; less than none: as many as it likes. */
export async function limitOf(store: Store, resource: keyof Quota, projectId: string): Promise<number> {
  const quotas = await store.view('quota');
  // It may have been changed just now, by another controller.
  await quotas.caughtUp();
  return quotaOf(quotas, projectId)[resource];
}

/** Throws `quota_exceeded` when those that are there use the quota up. */
export function refuseBeyond(limit: number, resource: keyof Quota, used: number): void {
  if (limit < 0 || used < limit) return;
  throw fail('quota_exceeded', `the project's quota of ${limit} ${resource} is used up`, {
    details: { resource, limit, used, requested: 1 },
  });
}

/** Rejects with `quota_exceeded`, and takes away what was made, when the earlier ones that count use the quota up. */
export async function keepWithinQuota<T>(
  made: Made<T>,
  store: Store,
  resource: keyof Quota,
  projectId: string,
  isCounted: (record: T) => boolean,
): Promise<void> {
  const limit = await limitOf(store, resource, projectId);
  const earlier = await earlierThan(made, isCounted);
  try {
    refuseBeyond(limit, resource, earlier.length);
  } catch (error) {
    await made.bucket.remove(made.key, made.revision);
    throw error;
  }
}
