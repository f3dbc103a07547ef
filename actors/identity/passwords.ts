/**
 * Passwords as they are stored: scrypt's digest with its salt and parameters, so that these can change and what is
 * stored stays good.
 */
import { type BinaryLike, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { Chance } from '../../transport/clock.ts';
import type { StoredPassword } from '../../transport/messages/records.ts';

/** What scrypt is made to cost. */
export type ScryptCost = Pick<StoredPassword, 'cost' | 'blockSize' | 'parallelization'>;

/** 32 MiB and about a quarter of a second of one processor: what OWASP advises. */
export const usualCost: ScryptCost = { cost: 2 ** 15, blockSize: 8, parallelization: 3 };

const saltBytes = 16;
const digestBytes = 32;

/** In libuv's threads, not in the event loop. */
const derive = promisify<BinaryLike, BinaryLike, number, ScryptOptions, Buffer>(scrypt);

export async function storedPassword(password: string, chance: Chance, cost = usualCost): Promise<StoredPassword> {
  const salt = chance.bytes(saltBytes);
  const digest = await digestOf(password, salt, cost);
  return { ...cost, salt: salt.toString('base64'), digest: digest.toString('base64') };
}

/** Takes as long when there is none: who asks cannot tell. */
export async function isPassword(
  password: string,
  stored: StoredPassword | undefined,
  cost = usualCost,
): Promise<boolean> {
  const { salt, digest, ...paid } = stored ?? { ...cost, salt: '', digest: '' };
  const wanted = Buffer.from(digest, 'base64');
  const actual = await digestOf(password, Buffer.from(salt, 'base64'), paid);
  return wanted.length === actual.length && timingSafeEqual(wanted, actual);
}

function digestOf(password: string, salt: Buffer, { cost, blockSize, parallelization }: ScryptCost): Promise<Buffer> {
  // The same letters may be typed as different code points.
  const options = { cost, blockSize, parallelization, maxmem: 256 * cost * blockSize };
  return derive(password.normalize('NFC'), salt, digestBytes, options);
}
