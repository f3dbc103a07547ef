/** How often somebody may try to sign in. */
import { expect, it } from 'vitest';
import { SignInLimit } from '../../transport/http/sign-in-limit.ts';

function limitAt(start = 1_000_000) {
  const clock = { at: start, now: () => clock.at, after: () => () => undefined };
  const limit = new SignInLimit(clock);
  /** How many of so many tries are let through. */
  const tries = (count: number, address = '192.0.2.1') =>
    Array.from({ length: count }).filter(() => {
      try {
        limit.count(address);
        return true;
      } catch {
        return false;
      }
    }).length;
  return { clock, limit, tries };
}

it('lets through some at once, and one more every now and then', () => {
  const { clock, tries } = limitAt();
  expect(tries(20)).toBe(10);
  clock.at += 6_000;
  expect(tries(5)).toBe(1);
  clock.at += 3_600_000;
  expect(tries(20)).toBe(10);
});

it('says when to try again', () => {
  const { limit, tries } = limitAt();
  tries(10);
  expect(() => limit.count('192.0.2.1')).toThrow(
    expect.objectContaining({ failure: expect.objectContaining({ details: { retryAfterSeconds: 6 } }) }),
  );
});

it('does not count whoever was let in', () => {
  const { limit, tries } = limitAt();
  for (let signedIn = 0; signedIn < 100; signedIn++) {
    limit.count('192.0.2.1');
    limit.forgive('192.0.2.1');
  }
  expect(tries(20)).toBe(10);
});

it('takes all addresses that one may have for one', () => {
  const { tries } = limitAt();
  expect(tries(20, '2001:db8:1:2::1')).toBe(10);
  expect(tries(1, '2001:db8:1:2:ffff::2')).toBe(0);
  expect(tries(1, '2001:db8:1:2:3:4:5:6')).toBe(0);
  expect(tries(1, '2001:db8:1:3::1')).toBe(1);
  expect(tries(1, '::ffff:192.0.2.1')).toBe(1);
  expect(tries(1, '::ffff:192.0.2.2')).toBe(1);
});

it('remembers only so many', () => {
  const { tries } = limitAt();
  expect(tries(20, '192.0.2.9')).toBe(10);
  for (let index = 0; index < 10_000; index++) tries(1, `198.51.${index >> 8}.${index & 255}`);
  expect(tries(1, '192.0.2.9')).toBe(1);
});
