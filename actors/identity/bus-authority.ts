/**
 * Who vouches for the users of the bus: the keys of a NATS operator, of one account, and of each role in it, made at the
 * first start and kept in a file that only its owner can read. nats-server is told their public halves.
 */
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { nkeys } from 'nats';
import { type FailureError, fail, toFailure } from '../../machines/failure.ts';
import type { Chance, Clock } from '../../transport/clock.ts';
import { type Credentials, fromSeed, seedOf } from '../../transport/nats/credentials.ts';
import { accountClaims, type Claims, operatorClaims, signClaims, userClaims } from '../../transport/nats/nats-jwt.ts';
import { type BusRole, permissions } from '../../transport/nats/permissions.ts';
import { consumers, encodeToken } from '../../transport/nats/subjects.ts';

/** Seeds, as the file holds them. Secret. */
interface Keys {
  operator: string;
  system: string;
  account: string;
  roles: Record<BusRole, string>;
}

export type PartRole = Exclude<BusRole, 'client' | 'administrator'>;

const roles = Object.keys(permissions) as BusRole[];
/** Those who sign the users of clients. */
const signing: readonly BusRole[] = ['controller', 'up'];

export class BusAuthority {
  readonly #keys: Keys;
  readonly #clock: Clock;

  /**
   * Idempotent, also when several processes begin at once. `stored`: the accounts that there are records of. Rejects with
   * `conflict` when it would be none of them: a cloud begun with other keys is empty, and its hosts would take the guests
   * that they have for nobody's.
   */
  static async open(
    file: string,
    { clock, chance }: { clock: Clock; chance: Chance },
    stored: readonly string[] = [],
  ): Promise<BusAuthority> {
    const found = await readKeys(file);
    if (stored.length > 0 && !(found && stored.includes(publicKeyOf(found.account)))) throw lost(file);
    const known = found ?? (await createKeys(file, chance));
    const missing = roles.filter((role) => known.roles[role] === undefined);
    for (const role of missing) known.roles[role] = seedOf(nkeys.createAccount());
    if (missing.length > 0) await replaceKeys(file, known, chance);
    return new BusAuthority(known, clock);
  }

  private constructor(keys: Keys, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  get account(): string {
    return publicKeyOf(this.#keys.account);
  }

  /** What nats-server has to know, in the syntax of its configuration. No secret. */
  serverConfiguration(): string {
    const operator = fromSeed(this.#keys.operator);
    const system = publicKeyOf(this.#keys.system);
    const vouch = (claims: Claims) => signClaims(operator, claims, this.#clock.now());
    const ofRoles = roles.map((role) => ({ role, key: this.#keyOf(role), permissions: permissions[role] }));
    const accounts = [accountClaims(this.account, 'cloud', ofRoles), accountClaims(system, 'system')];
    return [
      `operator: ${vouch(operatorClaims(operator.getPublicKey(), system))}`,
      `system_account: ${system}`,
      'resolver: MEMORY',
      'resolver_preload: {',
      ...accounts.map((claims) => `  ${claims.sub}: ${vouch(claims)}`),
      '}',
    ].join('\n');
  }

  /** A new user for a part; `host` for the role `compute`. */
  credentialsOf(role: PartRole, host?: string): Credentials {
    const user = nkeys.createUser();
    const claims = userClaims({
      key: user.getPublicKey(),
      name: host === undefined ? role : consumers.compute(host),
      account: this.account,
      tags: host === undefined ? [] : [`host:${encodeToken(host)}`],
    });
    const { client, administrator } = this.#keys.roles;
    return {
      jwt: signClaims(fromSeed(this.#keys.roles[role]), claims, this.#clock.now()),
      seed: seedOf(user),
      ...(signing.includes(role) && { signers: { client, administrator } }),
    };
  }

  #keyOf(role: BusRole): string {
    return publicKeyOf(this.#keys.roles[role]);
  }
}

function publicKeyOf(seed: string): string {
  return fromSeed(seed).getPublicKey();
}

function lost(file: string): FailureError {
  return fail(
    'conflict',
    `${file} has not the keys of the cloud whose records are beside it: put back a copy of the file; for a new, empty cloud take another state folder`,
  );
}

async function readKeys(file: string): Promise<Keys | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw fail('unavailable', `the keys of the bus cannot be read: ${error.message}`);
  });
  if (text === undefined) return undefined;
  try {
    return parseKeys(text);
  } catch {
    // Why may quote a seed.
    throw fail('unavailable', `the keys of the bus in ${file} are damaged: put back a copy of the file`);
  }
}

/** Throws what is no failure. */
function parseKeys(text: string): Keys {
  const keys = JSON.parse(text) as Keys;
  for (const seed of [keys.operator, keys.system, keys.account, ...Object.values(keys.roles)]) publicKeyOf(seed);
  return keys;
}

async function createKeys(file: string, chance: Chance): Promise<Keys> {
  const keys: Keys = {
    operator: seedOf(nkeys.createOperator()),
    system: seedOf(nkeys.createAccount()),
    account: seedOf(nkeys.createAccount()),
    roles: Object.fromEntries(roles.map((role) => [role, seedOf(nkeys.createAccount())])) as Keys['roles'],
  };
  await mkdir(dirname(file), { recursive: true });
  const whole = await writeAside(file, keys, chance);
  try {
    await link(whole, file);
    return keys;
  } catch (error) {
    const theirs = (error as NodeJS.ErrnoException).code === 'EEXIST' ? await readKeys(file) : undefined;
    if (!theirs) throw error;
    return theirs;
  } finally {
    await rm(whole, { force: true });
  }
}

async function replaceKeys(file: string, keys: Keys, chance: Chance): Promise<void> {
  await rename(await writeAside(file, keys, chance), file);
}

/** So that nobody ever reads half of it. */
async function writeAside(file: string, keys: Keys, chance: Chance): Promise<string> {
  const aside = `${file}.${chance.uuid()}`;
  try {
    await writeFile(aside, `${JSON.stringify(keys, undefined, 2)}\n`, { mode: 0o600 });
    await chmod(aside, 0o600);
    return aside;
  } catch (thrown) {
    await rm(aside, { force: true });
    throw fail('unavailable', `the keys of the bus cannot be written to ${file}: ${toFailure(thrown).message}`);
  }
}
