/** What the page asks of the web server, and through it of the API. The session's cookie says who asks. */
import { type Failure, FailureError, fail } from '../../machines/failure.ts';
import type { Endpoint } from '../messages/api/endpoint.ts';

/** Longer than the web server itself waits for an answer (ms). */
const spareMs = 5_000;
const patienceMs = 20_000;
const noContent = 204;

let whenSignedOut = () => {};
/** Counts how often a session began or ended here. */
let turns = 0;

/** Calls back when the server says that nobody is signed in any more. */
export function onSignedOut(listener: () => void): void {
  whenSignedOut = listener;
}

/** Another session begins, or none is any more: what is answered of the one before says nothing of it. */
export function turnSession(): void {
  turns++;
}

/** The question whether the session is still the one that it is now. */
export function watchSession(): () => boolean {
  const mine = turns;
  return () => mine === turns;
}

/** Rejects with the FailureError that the API server answered, or with `unavailable` when nobody did. */
export function ask<Q, R>({ resource, verb, timeoutMs }: Endpoint<Q, R>, body: Q): Promise<R> {
  return exchange('POST', `/api/v1/${resource}/${verb}`, body, timeoutMs + spareMs);
}

/** Whether the same may be answered later. */
export function mayPass({ code, disposition }: Failure): boolean {
  return code === 'timeout' || disposition === 'retry';
}

/** One request to the web server, JSON both ways. */
export async function exchange<R>(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
  timeoutMs = patienceMs,
): Promise<R> {
  const isSame = watchSession();
  const response = await answerTo(path, {
    method,
    signal: AbortSignal.timeout(timeoutMs),
    ...(body !== undefined && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (response.status === 401 && isSame()) whenSignedOut();
  if (response.status === noContent) return undefined as R;
  const reply: { failure?: Failure } | undefined = await response.json().catch(() => undefined);
  if (reply?.failure) throw new FailureError(reply.failure);
  if (!response.ok) throw fail('internal', `the server answered ${response.status}`);
  // It is well, but not all of it came.
  if (!reply) throw unreachable();
  return reply as R;
}

async function answerTo(path: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(path, request);
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === 'TimeoutError';
    if (isLate) throw fail('timeout', 'the server did not answer in time');
    throw unreachable();
  }
}

function unreachable(): FailureError {
  return fail('unavailable', 'the server cannot be reached', { disposition: 'retry' });
}
