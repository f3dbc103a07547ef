/** The users of the bus, in the files of the state folder. */
import { join } from 'node:path';
import { BusAuthority } from '../../actors/identity/bus-authority.ts';
import type { ClientUsers } from '../../actors/identity/client-users.ts';
import { adminProject, adminUser } from '../../actors/identity/first-admin.ts';
import type { Part, Runtime } from '../../actors/runtime/runtime.ts';
import { storedAccounts } from '../../actors/setup/stored-accounts.ts';
import { toFailure } from '../../machines/failure.ts';
import { every, systemChance, systemClock } from '../clock.ts';
import { adminCredsFile } from './client/access.ts';

const lookAgainMs = 24 * 3600 * 1000;

/** Makes the keys when there are none, and nothing is stored yet. */
export async function openAuthority(state: string): Promise<BusAuthority> {
  // Before the keys are looked for: who makes them meanwhile stores nothing until they are there.
  const stored = await storedAccounts(state);
  return BusAuthority.open(join(state, 'bus-keys.json'), { clock: systemClock, chance: systemChance }, stored);
}

/** Sees to it that the first administrator has credentials that are good for a while yet. */
export async function keepAdminCredentials(users: ClientUsers, state: string, runtime: Runtime): Promise<Part> {
  const { clock, logger } = runtime;
  const administrator = { userId: adminUser, projectId: adminProject, roles: ['admin'] };
  const look = () => users.ensureCredentials(adminCredsFile(state), administrator, clock.now());
  await look();
  const stop = every(clock, lookAgainMs, () =>
    look().catch((thrown: unknown) =>
      logger.error({ failure: toFailure(thrown) }, 'the administrator’s credentials could not be renewed'),
    ),
  );
  return { stop: async () => stop() };
}
