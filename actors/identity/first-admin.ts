/**
 * The administrator that a new cloud begins with. Its token and its password are made at the first start, kept in files
 * that only their owner can read, and stored in the cloud as digests only.
 */
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { conflict } from '../../transport/nats/bucket.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { alarmIfUnreadable, unlessUnreadable } from '../runtime/unless-unreadable.ts';
import { tokenDigest } from './authenticator.ts';
import { storedPassword } from './passwords.ts';

export const adminProject = 'admin';
export const adminUser = 'admin';

export interface FirstAdmin {
  token: string;
  /** Made just now: to be shown once. */
  isNew: boolean;
}

/**
 * Idempotent. A token that is in the file before the cloud begins is the administrator's; one that was revoked since, or
 * that cannot be read, is replaced, never made valid again, and an administrator who was deleted stays deleted.
 */
export async function ensureFirstAdmin(runtime: Runtime, tokenFile: string): Promise<FirstAdmin> {
  const { store, clock, chance } = runtime;
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

  const kept = await readKept(tokenFile);
  const stored =
    kept === ''
      ? undefined
      : await alarmIfUnreadable(runtime, 'The first administrator has another token', () =>
          tokens.look(tokenDigest(kept)),
        );
  const isValid = kept !== '' && (isNewCloud || stored?.value !== undefined);
  const admin = await alarmIfUnreadable(runtime, 'Until then nobody is let in as that user', () =>
    users.look(adminUser),
  );
  const isGone = admin !== undefined && admin.value === undefined;
  const token = isValid || isGone ? kept : chance.bytes(32).toString('base64url');
  if (token !== kept) await keep(tokenFile, token);
  if (!isGone) await tokens.create(tokenDigest(token), { userId: adminUser, projectId: adminProject, createdAt });
  return { token, isNew: token !== kept };
}

/**
 * Gives the first administrator a password to sign in with, where there is none yet, and returns it: to be shown once.
 * One that is in the file already is taken. When it is changed later, the file stays as it is.
 */
export async function ensureAdminPassword(
  { store, chance, logger }: Runtime,
  passwordFile: string,
): Promise<string | undefined> {
  const users = await store.bucket('user');
  const admin = await unlessUnreadable(logger, adminUser, () => users.get(adminUser));
  if (!admin || admin.value.password) return undefined;
  const password = (await readKept(passwordFile)) || chance.bytes(15).toString('base64url');
  // Beside the file first: a password that could not be written would be lost, and another process may be quicker.
  const draft = `${passwordFile}.${chance.uuid()}`;
  await keep(draft, password);
  const value = { ...admin.value, password: await storedPassword(password, chance) };
  if ((await users.update(adminUser, value, admin.revision)) === conflict) {
    await rm(draft);
    return undefined;
  }
  await rename(draft, passwordFile);
  return password;
}

async function readKept(file: string): Promise<string> {
  return (await readFile(file, 'utf8').catch(() => '')).trim();
}

async function keep(file: string, secret: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${secret}\n`, { mode: 0o600 });
  await chmod(file, 0o600);
}
