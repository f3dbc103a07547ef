/**
 * One process a host: the host's record is a lease, renewed by heartbeat, each time by compare-and-set. Two processes of
 * the same name would both act on its instances, and neither could tell.
 */
import { fail } from '../../machines/failure.ts';
import type { Host } from '../../transport/messages/records.ts';
import { type Bucket, conflict, type Entry } from '../../transport/nats/bucket.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { heartbeatEveryMs, isAlive } from './heartbeat.ts';

/** How long a record must stay unchanged for its process to be gone (ms). */
const silenceMs = heartbeatEveryMs * 1.5;

export class HostLease {
  readonly #bucket: Bucket<Host>;
  readonly #key: string;
  readonly #incarnation: string;
  #revision: number;

  /**
   * Takes the lease, when need be after a time of watching that nobody renews it. Rejects with `conflict` when somebody
   * does. `earlier` is the record of the process before.
   */
  static async take(
    bucket: Bucket<Host>,
    name: string,
    incarnation: string,
    clock: Clock,
  ): Promise<{ lease: HostLease; earlier: Host | undefined }> {
    const key = encodeToken(name);
    const entry = await bucket.get(key);
    if (entry && isHeld(entry, clock.now())) {
      await sleep(clock, silenceMs);
      const later = await bucket.get(key);
      if (later && later.revision !== entry.revision && later.value.hypervisorState !== 'stopped') {
        throw fail('conflict', `another process runs the host ${name}: end it, or give this one another name`);
      }
      return { lease: new HostLease(bucket, key, incarnation, later?.revision ?? 0), earlier: later?.value };
    }
    return { lease: new HostLease(bucket, key, incarnation, entry?.revision ?? 0), earlier: entry?.value };
  }

  private constructor(bucket: Bucket<Host>, key: string, incarnation: string, revision: number) {
    this.#bucket = bucket;
    this.#key = key;
    this.#incarnation = incarnation;
    this.#revision = revision;
  }

  /** Rejects with `conflict` when the lease is another process's by now. */
  async renew(record: Omit<Host, 'incarnation'>): Promise<void> {
    const mine = { ...record, incarnation: this.#incarnation };
    const outcome = await this.#write(mine);
    if (outcome !== conflict) {
      this.#revision = outcome;
      return;
    }
    // An acknowledgement of our own may have been lost on the way.
    const entry = await this.#bucket.get(this.#key);
    if (entry && entry.value.incarnation !== this.#incarnation) {
      throw fail('conflict', `another process has taken over the host ${record.name}`);
    }
    this.#revision = entry?.revision ?? 0;
    const second = await this.#write(mine);
    if (second === conflict) throw fail('conflict', `another process has taken over the host ${record.name}`);
    this.#revision = second;
  }

  #write(record: Host): Promise<number | typeof conflict> {
    return this.#revision === 0
      ? this.#bucket.create(this.#key, record)
      : this.#bucket.update(this.#key, record, this.#revision);
  }
}

function isHeld({ value }: Entry<Host>, now: number): boolean {
  return value.hypervisorState !== 'stopped' && isAlive(value, now);
}
