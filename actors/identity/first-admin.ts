/**
 * The administrator that a new cloud begins with. Its token is made at the first start, kept in a file that only its
 * owner can read, and stored in the cloud as a digest only.
 */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { conflict } from '../../transport/nats/bucket.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { tokenDigest } from './authenticator.ts';

export const adminProject = 'admin';
export const adminUser = 'admin';

export interface FirstAdmin {
  token: string;
  /** Made just now: to be shown once. */
  isNew: boolean;
}

/** Idempotent: the token in the file is the administrator's, whatever was there before. */
export async function ensureFirstAdmin({ store, clock, chance }: Runtime, tokenFile: string): Promise<FirstAdmin> {
  const [projects, users, tokens] = await Promise.all([
    store.bucket('project'),
    store.bucket('user'),
    store.bucket('token'),
  ]);
  const createdAt = clock.now();
  await projects.create(adminProject, { id: adminProject, name: adminProject, isEnabled: true, createdAt });
  await users.create(adminUser, {
    id: adminUser,
    name: adminUser,
    isEnabled: true,
    roles: { [adminProject]: ['admin', 'member'] },
    createdAt,
  });

  const kept = (await readFile(tokenFile, 'utf8').catch(() => '')).trim();
  const token = kept || chance.bytes(32).toString('base64url');
  if (!kept) {
    await mkdir(dirname(tokenFile), { recursive: true });
    await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
    await chmod(tokenFile, 0o600);
  }
  const created = await tokens.create(tokenDigest(token), { userId: adminUser, projectId: adminProject, createdAt });
  return { token, isNew: !kept && created !== conflict };
}
