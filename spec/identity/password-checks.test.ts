/** How passwords wait for each other. */
import { expect, it } from 'vitest';
import { PasswordChecks } from '../../actors/controller/password-checks.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';

const cost = { cost: 2 ** 8, blockSize: 4, parallelization: 1 };

it('a new password is stored while as many are guessed as may wait', async () => {
  const passwords = new PasswordChecks({ clock: systemClock, chance: systemChance }, cost);
  let checked = 0;
  const guesses = Array.from({ length: 16 }, async (_, index) => {
    await passwords.check(`user ${index}`, 'a guess', undefined);
    checked += 1;
  });
  await expect(passwords.check('one more', 'a guess', undefined)).rejects.toMatchObject({
    failure: { code: 'unavailable', disposition: 'retry' },
  });
  const stored = await passwords.store('correct horse battery');
  expect(checked).toBeLessThan(16);
  await Promise.all(guesses);
  expect(await passwords.check('ann', 'correct horse battery', stored)).toBe(true);
});
