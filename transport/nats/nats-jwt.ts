/**
 * The JWTs of NATS (https://docs.nats.io/running-a-nats-service/nats_admin/security/jwt): who somebody is and what they
 * may, signed by who vouches for it. An operator vouches for accounts, an account's signing keys for users.
 */
import type { nkeys } from 'nats';

export type KeyPair = ReturnType<typeof nkeys.createUser>;

/** Subjects; absent: any. */
export interface Permissions {
  publish: readonly string[];
  subscribe: readonly string[];
}

export interface Claims {
  /** The public key that it is about. */
  sub: string;
  name: string;
  /** When it ends, in seconds since 1970; absent: never. */
  exp?: number;
  nats: Record<string, unknown>;
}

/** `now` in epoch ms. */
export function signClaims(issuer: KeyPair, claims: Claims, now: number): string {
  const body = { ...claims, iss: issuer.getPublicKey(), iat: Math.floor(now / 1000) };
  const signed = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode(body)}`;
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`;
}

/** What a JWT says, whoever signed it: for who holds it, not for who is to be convinced. Throws for what is none. */
export function readClaims(jwt: string): Claims {
  const [, body = ''] = jwt.split('.');
  return JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Claims;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

const unlimited = { subs: -1, data: -1, payload: -1 };

export function operatorClaims(operator: string, systemAccount: string): Claims {
  return { sub: operator, name: 'kilonova', nats: { type: 'operator', version: 2, system_account: systemAccount } };
}

/**
 * An account whose users are vouched for by one key a role: what the role may is said here, and read by the server when
 * a user connects, so that users need not be signed anew when it changes.
 */
export function accountClaims(
  account: string,
  name: string,
  roles: readonly { role: string; key: string; permissions: Permissions }[] = [],
): Claims {
  return {
    sub: account,
    name,
    nats: {
      type: 'account',
      version: 2,
      limits: {
        ...unlimited,
        imports: -1,
        exports: -1,
        wildcards: true,
        conn: -1,
        leaf: -1,
        // The system's has no JetStream.
        ...(roles.length > 0 && { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }),
      },
      signing_keys: roles.map(({ role, key, permissions: { publish, subscribe } }) => ({
        kind: 'user_scope',
        key,
        role,
        template: { pub: { allow: publish }, sub: { allow: subscribe }, ...unlimited },
      })),
      default_permissions: { pub: {}, sub: {} },
    },
  };
}

/** A user of a role of the account. The tags are what its permissions leave open: `host:node7`. */
export function userClaims(user: {
  key: string;
  name: string;
  account: string;
  tags: readonly string[];
  expiresAt?: number | undefined;
}): Claims {
  return {
    sub: user.key,
    name: user.name,
    ...(user.expiresAt !== undefined && { exp: Math.floor(user.expiresAt / 1000) }),
    nats: { type: 'user', version: 2, issuer_account: user.account, tags: user.tags, pub: {}, sub: {} },
  };
}
