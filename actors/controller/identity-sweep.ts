/** Removes tokens that have expired, and what is left of users and projects that are gone. Every controller does it. */
import { isExpired } from '../identity/authenticator.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { sweep } from '../runtime/sweep.ts';
import { type Holder, removeLeftovers } from './leftovers.ts';

const sweepEveryMs = 600_000;

/** Returns the function that ends it. */
export function startIdentitySweep(runtime: Runtime): () => void {
  return sweep(runtime, 'tokens', sweepEveryMs, () => sweepIdentity(runtime));
}

export async function sweepIdentity({ store, clock }: Runtime): Promise<void> {
  const [tokens, tokenBucket] = await Promise.all([store.view('token'), store.bucket('token')]);
  for (const { key, value, revision } of [...tokens.entries()]) {
    if (isExpired(value, clock.now())) await tokenBucket.remove(key, revision);
  }

  const [users, projects, userBucket, projectBucket] = await Promise.all([
    store.view('user'),
    store.view('project'),
    store.bucket('user'),
    store.bucket('project'),
  ]);
  // A view may be late; that something is gone is asked of the store itself.
  await removeLeftovers(store, async ({ userId, projectId }: Holder) => {
    if (userId !== undefined && !users.get(userId) && !(await userBucket.get(userId))) return true;
    return projectId !== undefined && !projects.get(projectId) && !(await projectBucket.get(projectId));
  });
}
