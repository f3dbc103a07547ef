/**
 * What users and projects leave behind: removed when they are deleted, and by a sweep, for what a controller left that
 * died over it, or what was made just while they went. Any number of controllers may do it, and again.
 */
import type { Buckets } from '../../transport/messages/records.ts';
import { conflict, type Entry } from '../../transport/nats/bucket.ts';
import type { Written } from '../../transport/nats/relay.ts';
import { withoutRole } from '../identity/roles.ts';
import type { RecordOf, Store } from '../runtime/store.ts';
import { changeRecord } from './change-record.ts';

/** Whose a record is. */
export interface Holder {
  projectId?: string;
  userId?: string;
}

/** Removes what belongs to those who are gone: key pairs, groups, quotas, tokens, and roles of others. */
export async function removeLeftovers(
  store: Store,
  isGone: (holder: Holder) => boolean | Promise<boolean>,
): Promise<Written[]> {
  const written = await Promise.all([
    removeOf(store, 'keyPair', ({ value }) => value, isGone),
    removeOf(store, 'serverGroup', ({ value: { projectId } }) => ({ projectId }), isGone),
    removeOf(store, 'securityGroup', ({ value: { projectId } }) => ({ projectId }), isGone),
    removeOf(store, 'quota', ({ key: projectId }) => ({ projectId }), isGone),
    removeOf(store, 'token', ({ value }) => value, isGone),
    takeRoles(store, isGone),
  ]);
  return written.flat();
}

/** One after the other, so that a view that shows the last of them gone shows all of them gone. */
async function removeOf<K extends keyof Buckets>(
  store: Store,
  kind: K,
  holderOf: (entry: Entry<RecordOf<K>>) => Holder,
  isGone: (holder: Holder) => boolean | Promise<boolean>,
): Promise<Written[]> {
  const [bucket, view] = await Promise.all([store.bucket(kind), store.view(kind)]);
  await view.caughtUp();
  let last: Written[] = [];
  for (const entry of [...view.entries()]) {
    const { key, revision } = entry;
    if (!(await isGone(holderOf(entry))) || (await bucket.remove(key, revision)) === conflict) continue;
    last = [{ bucket: kind, revision, removed: key }];
  }
  return last;
}

async function takeRoles(store: Store, isGone: (holder: Holder) => boolean | Promise<boolean>): Promise<Written[]> {
  const [bucket, view] = await Promise.all([store.bucket('user'), store.view('user')]);
  await view.caughtUp();
  let last: Written[] = [];
  for (const { key, value } of [...view.entries()]) {
    for (const projectId of Object.keys(value.roles)) {
      if (!(await isGone({ projectId }))) continue;
      const changed = await changeRecord(bucket, key, (user) => withoutRole(user, projectId));
      if (changed) last = [{ bucket: 'user', revision: changed.revision }];
    }
  }
  return last;
}
