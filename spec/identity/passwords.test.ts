import { scryptSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isPassword, storedPassword, usualCost } from '../../actors/identity/passwords.ts';
import { systemChance } from '../../transport/clock.ts';

const password = 'Gr\u00fcn und gelb';

describe('a stored password', () => {
  it('is scrypt of it, with a salt that is another each time and what it has cost', async () => {
    const [one, other] = [await storedPassword(password, systemChance), await storedPassword(password, systemChance)];
    expect(one.salt).not.toBe(other.salt);
    expect(one.digest).not.toBe(other.digest);
    expect(one).toMatchObject(usualCost);
    const salt = Buffer.from(one.salt, 'base64');
    expect(salt).toHaveLength(16);
    const expected = scryptSync(password, salt, 32, { N: 2 ** 15, r: 8, p: 3, maxmem: 2 ** 26 });
    expect(one.digest).toBe(expected.toString('base64'));
  });

  it('is known by the letters that were typed, and by what it has cost then', async () => {
    const cheap = { cost: 2 ** 8, blockSize: 4, parallelization: 1 };
    const stored = await storedPassword(password, systemChance, cheap);
    expect(await isPassword('Gru\u0308n und gelb', stored)).toBe(true);
    for (const wrong of ['', 'Grün und gel', 'grün und gelb', `${password} `]) {
      expect(await isPassword(wrong, stored)).toBe(false);
    }
    expect(await isPassword(password, { ...stored, digest: '' })).toBe(false);
  });

  it('that is not there takes as long to be refused, and lets everything else go on meanwhile', async () => {
    const stored = await storedPassword(password, systemChance);
    const timed = async (of: typeof stored | undefined) => {
      const startedAt = performance.now();
      let turns = 0;
      const timer = setInterval(() => {
        turns += 1;
      }, 1);
      expect(await isPassword('wrong', of)).toBe(false);
      clearInterval(timer);
      expect(turns).toBeGreaterThan(5);
      return performance.now() - startedAt;
    };
    const [there, absent] = [await timed(stored), await timed(undefined)];
    expect(absent).toBeGreaterThan(there / 10);
  });
});
