/** Where a nats-server of ours keeps what JetStream has stored: a folder for each account. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../machines/failure.ts';

const accountKey = /^A[A-Z2-7]{55}$/;

export function accountFolder(stateDir: string, account: string): string {
  return join(stateDir, 'nats', 'jetstream', account);
}

/** The public keys of the accounts that something is stored of; a server without users has none. */
export async function storedAccounts(stateDir: string): Promise<string[]> {
  const names = await readdir(accountFolder(stateDir, '')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw fail('unavailable', `what nats-server has stored cannot be looked through: ${error.message}`);
  });
  return names.filter((name) => accountKey.test(name));
}
