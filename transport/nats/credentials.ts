/**
 * Credentials of a NATS user: its JWT and the seed of its key, in the `.creds` format that every NATS client reads. Those
 * of a cloud controller also hold what it signs the users of clients with; other readers pass over that.
 */
import { readFileSync } from 'node:fs';
import { type ConnectionOptions, jwtAuthenticator, nkeys } from 'nats';
import { fail, toFailure } from '../../machines/failure.ts';
import { type KeyPair, readClaims } from './nats-jwt.ts';
import type { BusRole } from './permissions.ts';
import { subjects } from './subjects.ts';

export interface Credentials {
  jwt: string;
  /** Secret. */
  seed: string;
  /** The seeds of the keys with which to sign users of these roles. Secret. */
  signers?: Partial<Record<BusRole, string>>;
}

export function formatCredentials({ jwt, seed, signers = {} }: Credentials): string {
  const blocks = [
    block('NATS USER JWT', jwt),
    `# The inbox of this user: ${inboxOf({ jwt })}\n`,
    block('USER NKEY SEED', seed),
    ...Object.entries(signers).map(([role, signer]) => block(`${role.toUpperCase()} SIGNER SEED`, signer)),
  ];
  return blocks.join('\n');
}

/** Throws `invalid_request` for what holds none. */
export function parseCredentials(text: string): Credentials {
  const found = new Map<string, string>();
  for (const [, label = '', value = ''] of text.matchAll(/^-{3,}BEGIN (.+?)-{3,}\r?\n(\S+)\r?\n-{3,}END /gm)) {
    found.set(label, value);
  }
  const jwt = found.get('NATS USER JWT');
  const seed = found.get('USER NKEY SEED');
  if (jwt === undefined || seed === undefined) throw fail('invalid_request', 'there are no credentials of NATS in it');
  const signers: Credentials['signers'] = {};
  for (const [label, signer] of found) {
    const [, role] = /^(\w+) SIGNER SEED$/.exec(label) ?? [];
    if (role) signers[role.toLowerCase() as BusRole] = signer;
  }
  return { jwt, seed, signers };
}

/** Throws `invalid_request`, with the name of the file. */
export function readCredentials(path: string): Credentials {
  try {
    return parseCredentials(readFileSync(path, 'utf8'));
  } catch (thrown) {
    throw fail('invalid_request', `the credentials ${path} cannot be used: ${toFailure(thrown).message}`);
  }
}

/** What the client of NATS is to be told. Every answer comes to the user's own inbox, where nobody else may listen. */
export function connectionAs({ jwt, seed }: Credentials): Pick<ConnectionOptions, 'authenticator' | 'inboxPrefix'> {
  return { authenticator: jwtAuthenticator(jwt, Buffer.from(seed)), inboxPrefix: inboxOf({ jwt }) };
}

/** Below it come the answers to the user: a client is known by its key, a part by its name. */
export function inboxOf({ jwt }: Pick<Credentials, 'jwt'>): string {
  const { sub, name } = readClaims(jwt);
  return name === sub ? subjects.clientInbox(sub) : subjects.partInbox(name);
}

/** Where the API answers the user, as it does a client: to parts of the cloud it does not, where they hear each other. */
export function clientInboxOf({ jwt }: Pick<Credentials, 'jwt'>): string {
  return subjects.clientInbox(readClaims(jwt).sub);
}

export function seedOf(pair: KeyPair): string {
  return Buffer.from(pair.getSeed()).toString();
}

export function fromSeed(seed: string): KeyPair {
  return nkeys.fromSeed(Buffer.from(seed));
}

function block(label: string, value: string): string {
  return `-----BEGIN ${label}-----\n${value}\n------END ${label}------\n`;
}
