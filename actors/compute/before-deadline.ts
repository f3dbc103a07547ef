/** Work of the host chart, which ends when its deadline does. */
import { fail } from '../../machines/failure.ts';
import type { Clock } from '../../transport/clock.ts';

/** Rejects at the deadline, whether the work heeds its signal or not. */
export async function beforeDeadline(
  clock: Clock,
  deadline: number,
  left: AbortSignal,
  work: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const late = new AbortController();
  const ms = Math.max(0, deadline - clock.now());
  const cancel = clock.after(ms, () => late.abort(fail('timeout', `it was not done within ${ms} ms`)));
  const signal = AbortSignal.any([left, late.signal]);
  const ended = Promise.withResolvers<never>();
  const end = () => ended.reject(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  try {
    await Promise.race([work(signal), ended.promise]);
  } finally {
    cancel();
    // Node keeps a signal of several as long as somebody listens.
    signal.removeEventListener('abort', end);
  }
}
