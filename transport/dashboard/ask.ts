/** What the page asks of the web server, and through it of the API. The session's cookie says who asks. */
import { type Failure, FailureError, fail } from '../../machines/failure.ts';
import type { Endpoint } from '../messages/api/endpoint.ts';

/** Longer than the web server itself waits for an answer (ms). */
const spareMs = 5_000;
const patienceMs = 20_000;

let whenSignedOut = () => {};

/** Calls back when the server says that nobody is signed in any more. */
export function onSignedOut(listener: () => void): void {
  whenSignedOut = listener;
}

/** Rejects with the FailureError that the API server answered, or with `unavailable` when nobody did. */
export function ask<Q, R>({ resource, verb, timeoutMs }: Endpoint<Q, R>, body: Q): Promise<R> {
  return exchange('POST', `/api/v1/${resource}/${verb}`, body, timeoutMs + spareMs);
}

/** One request to the web server, JSON both ways. */
export async function exchange<R>(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
  timeoutMs = patienceMs,
): Promise<R> {
  const response = await answerTo(path, {
    method,
    signal: AbortSignal.timeout(timeoutMs),
    ...(body !== undefined && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const reply = (await response.json().catch(() => ({}))) as { failure?: Failure };
  if (response.status === 401) whenSignedOut();
  if (reply.failure) throw new FailureError(reply.failure);
  if (!response.ok) throw fail('internal', `the server answered ${response.status}`);
  return reply as R;
}

async function answerTo(path: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(path, request);
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === 'TimeoutError';
    if (isLate) throw fail('timeout', 'the server did not answer in time');
    throw fail('unavailable', 'the server cannot be reached', { disposition: 'retry' });
  }
}
