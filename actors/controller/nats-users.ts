/** Users of the bus for clients that show a token. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import { timestamp } from '../records/timestamp.ts';
import type { Writes } from './writes.ts';

export const natsUserWrites: Writes = (on, { clientUsers, clock }) => {
  on(api.token.natsUser, async ({ publicKey }, { caller }) => {
    if (!clientUsers) throw fail('unsupported', 'the bus of this cloud has no users');
    const { jwt, expiresAt } = clientUsers.sign(publicKey, caller, clock.now());
    return { reply: { jwt, expiresAt: timestamp(expiresAt) } };
  });
};
