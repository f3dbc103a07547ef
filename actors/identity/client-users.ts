/**
 * Users of the bus for clients: each for one project, with a key that the client has made and whose seed stays there. The
 * bus cannot be told that a token was revoked: until its user ends, who held it still hears the facts of the project.
 */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { nkeys } from 'nats';
import { fail } from '../../machines/failure.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import {
  type Credentials,
  formatCredentials,
  fromSeed,
  parseCredentials,
  seedOf,
} from '../../transport/nats/credentials.ts';
import { readClaims, signClaims, userClaims } from '../../transport/nats/nats-jwt.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';
import { isAdmin } from './authenticator.ts';

/** How long a user is good for (ms). `kilonova` renews its own when half of that is over. */
export const userLifetimeMs = 30 * 24 * 3600 * 1000;

export class ClientUsers {
  readonly #signers: NonNullable<Credentials['signers']>;
  readonly account: string;

  /** Of a part that has what is needed to sign them. */
  static of({ jwt, signers }: Credentials): ClientUsers | undefined {
    if (!signers?.client || !signers.administrator) return undefined;
    return new ClientUsers(String(readClaims(jwt).nats.issuer_account), signers);
  }

  private constructor(account: string, signers: NonNullable<Credentials['signers']>) {
    this.account = account;
    this.#signers = signers;
  }

  /** Signs a user with that public key for whoever asks, until their token ends, or `userLifetimeMs` have passed. */
  sign(publicKey: string, caller: Caller, now: number): { jwt: string; expiresAt: number } {
    if (!isUserKey(publicKey)) {
      throw fail('invalid_request', 'field /publicKey: must be the public nkey of a user, as U…', {
        details: { field: '/publicKey' },
      });
    }
    const expiresAt = Math.min(now + userLifetimeMs, caller.expiresAt ?? Number.POSITIVE_INFINITY);
    const role = isAdmin(caller) ? 'administrator' : 'client';
    const claims = userClaims({
      key: publicKey,
      name: publicKey,
      account: this.account,
      tags: [`project:${encodeToken(caller.projectId)}`],
      expiresAt,
    });
    return { jwt: signClaims(fromSeed(this.#signers[role] ?? ''), claims, now), expiresAt };
  }

  /** The first administrator's, in a file that only its owner can read: made anew when half of their life is over. */
  async ensureCredentials(file: string, caller: Caller, now: number): Promise<void> {
    const kept = await readFile(file, 'utf8').catch(() => '');
    if (kept !== '' && this.#isFresh(kept, now)) return;
    const user = nkeys.createUser();
    const { jwt } = this.sign(user.getPublicKey(), caller, now);
    await writeFile(file, formatCredentials({ jwt, seed: seedOf(user) }), { mode: 0o600 });
    await chmod(file, 0o600);
  }

  #isFresh(text: string, now: number): boolean {
    try {
      const { exp = 0, nats } = readClaims(parseCredentials(text).jwt);
      return nats.issuer_account === this.account && exp * 1000 - now > userLifetimeMs / 2;
    } catch {
      return false;
    }
  }
}

function isUserKey(text: string): boolean {
  try {
    return text.startsWith('U') && nkeys.fromPublic(text).getPublicKey() === text;
  } catch {
    return false;
  }
}
