/**
 * The administrator that a new cloud begins with. Its token is made at the first start, kept in a file that only its
 * owner can read, and stored in the cloud as a digest only.
 */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Runtime } from '../runtime/runtime.ts';
import { tokenDigest } from './authenticator.ts';

export const adminProject = 'admin';
export const adminUser = 'admin';

export interface FirstAdmin {
  token: string;
  /** Made just now: to be shown once. */
  isNew: boolean;
}

/**
 * Idempotent. A token that is in the file before the cloud begins is the administrator's; one that was revoked since is
 * replaced, never made valid again, and an administrator who was deleted stays deleted.
 */
export async function ensureFirstAdmin({ store, clock, chance }: Runtime, tokenFile: string): Promise<FirstAdmin> {
  const [projects, users, tokens] = await Promise.all([
    store.bucket('project'),
    store.bucket('user'),
    store.bucket('token'),
  ]);
  const createdAt = clock.now();
  const isNewCloud = (await users.writtenAt(adminUser)) === undefined;
  if (isNewCloud) {
    await projects.create(adminProject, { id: adminProject, name: adminProject, isEnabled: true, createdAt });
    await users.create(adminUser, {
      id: adminUser,
      name: adminUser,
      isEnabled: true,
      roles: { [adminProject]: ['admin', 'member'] },
      createdAt,
    });
  }

  const kept = (await readFile(tokenFile, 'utf8').catch(() => '')).trim();
  const isValid = kept !== '' && (isNewCloud || (await tokens.get(tokenDigest(kept))) !== undefined);
  const isGone = !isNewCloud && (await users.get(adminUser)) === undefined;
  const token = isValid || isGone ? kept : chance.bytes(32).toString('base64url');
  if (token !== kept) {
    await mkdir(dirname(tokenFile), { recursive: true });
    await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
    await chmod(tokenFile, 0o600);
  }
  if (!isGone) await tokens.create(tokenDigest(token), { userId: adminUser, projectId: adminProject, createdAt });
  return { token, isNew: token !== kept };
}
