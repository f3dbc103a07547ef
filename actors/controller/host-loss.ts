/** Why an instance cannot stay, or be asked for anything, where it is. */
import { type Failure, type FailureError, fail, toFailure } from '../../machines/failure.ts';
import type { Host } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import { hostKey } from '../records/keys.ts';
import { timestamp } from '../records/timestamp.ts';

/**
 * Nothing, unless the host was declared down, or forgotten. As it is stored: a view may be late. Rejects with `unavailable`
 * when its record cannot be read.
 */
export async function lossOf(hosts: Bucket<Host>, host: string): Promise<Failure | undefined> {
  const record = await readHost(hosts, host);
  return record && !record.down ? undefined : hostLoss(host, record?.down?.since);
}

/** Whoever asks for an instance has asked for nothing wrong. */
async function readHost(hosts: Bucket<Host>, host: string): Promise<Host | undefined> {
  try {
    return (await hosts.get(hostKey(host)))?.value;
  } catch (error) {
    const failure = toFailure(error);
    if (failure.code !== 'invalid_request') throw error;
    throw fail('unavailable', failure.message, { details: { host }, cause: failure });
  }
}

/** It may have heard all the same, or hear yet. */
export function unansweredBy(host: string, cause?: Failure): FailureError {
  const message = `host ${host} has not answered: whether it has heard is not known, and it may be asked again`;
  return fail('timeout', message, { disposition: 'retry', details: { host }, ...(cause && { cause }) });
}

/** It helps to try another host. */
export function hostLoss(host: string, since?: number): Failure {
  const message = since === undefined ? `host ${host} is gone` : `host ${host} is down since ${timestamp(since)}`;
  return fail('host_down', message, { disposition: 'reschedule', details: { host } }).failure;
}
