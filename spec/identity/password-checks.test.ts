/** How passwords wait for each other. */
import { expect, it } from 'vitest';
import { PasswordChecks } from '../../actors/controller/password-checks.ts';
import { toFailure } from '../../machines/failure.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';

const cost = { cost: 2 ** 8, blockSize: 4, parallelization: 1 };
const secret = 'correct horse battery';
const refusal = { code: 'too_many_requests', disposition: 'retry', details: { retryAfterSeconds: 1 } };

async function startChecks() {
  const passwords = new PasswordChecks({ clock: systemClock, chance: systemChance }, cost);
  const stored = await passwords.store(['admin'], secret);
  let guessed = 0;
  return {
    passwords,
    /** What becomes of a guess, each of another user. */
    guess: (...asker: string[]) =>
      passwords.check(asker, { whose: `user ${++guessed}`, password: 'a guess', stored: undefined }).then(
        (isRight) => ({ isRight }),
        (thrown: unknown) => toFailure(thrown),
      ),
    signIn: (...asker: string[]) => passwords.check(asker, { whose: 'ann', password: secret, stored }),
  };
}

it('a new password is stored while as many are guessed as may wait', async () => {
  const { passwords, guess } = await startChecks();
  let checked = 0;
  const guesses = Array.from({ length: 16 }, () => guess('guesser').then(() => ++checked));
  await passwords.store(['admin'], secret);
  expect(checked).toBeLessThan(16);
  await Promise.all(guesses);
});

it('who guesses more than may wait is refused those that came last, and nobody else any', async () => {
  const { guess, signIn } = await startChecks();
  const guesses = Array.from({ length: 30 }, () => guess('guesser', ''));
  expect(await signIn('web', '192.0.2.1')).toBe(true);
  const outcomes = await Promise.all(guesses);
  expect(outcomes.slice(0, 15)).toEqual(Array(15).fill({ isRight: false }));
  for (const outcome of outcomes.slice(17)) expect(outcome).toMatchObject(refusal);
});

it('who says to ask for many has the share of one', async () => {
  const { guess, signIn } = await startChecks();
  const guesses = Array.from({ length: 30 }, (_, index) => guess('guesser', `192.0.2.${index}`));
  expect(await signIn('web', '198.51.100.1')).toBe(true);
  await Promise.all(guesses);
});

it('of those that one asks for each has a share', async () => {
  const { guess, signIn } = await startChecks();
  const guesses = Array.from({ length: 30 }, () => guess('web', '192.0.2.1'));
  expect(await Promise.all([signIn('web', '192.0.2.2'), signIn('web', '192.0.2.3')])).toEqual([true, true]);
  expect((await Promise.all(guesses)).filter((outcome) => 'code' in outcome).length).toBeGreaterThan(0);
});

it('who says to be many clients keeps nobody from their turn who comes by another way', async () => {
  const { guess, signIn } = await startChecks();
  const guesses = Array.from({ length: 30 }, (_, index) => guess('bus', `inbox ${index}`, ''));
  expect(await signIn('web', '192.0.2.1')).toBe(true);
  await Promise.all(guesses);
});

it('one that has begun is never taken back for another', async () => {
  const { guess } = await startChecks();
  const first = guess('guesser');
  await new Promise(setImmediate);
  const others = Array.from({ length: 20 }, (_, index) => guess(`other ${index}`));
  expect(await first).toEqual({ isRight: false });
  await Promise.all(others);
});
