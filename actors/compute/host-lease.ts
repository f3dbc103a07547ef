/**
 * One process a host: the host's record is a lease, renewed by heartbeat, each time by compare-and-set. Two processes of
 * the same name would both act on its instances, and neither could tell.
 *
 * A controller may write in between what an operator wants, when no process answers, or that the host is down, when
 * nobody was heard. It leaves incarnation and heartbeat as they are, by which the two kinds of writers are told apart: it
 * makes nobody look alive, and takes nobody's lease. But a process that finds itself declared down has to see which of
 * its instances are still its own before it does anything else.
 */
import { fail } from '../../machines/failure.ts';
import { type Clock, sleep } from '../../transport/clock.ts';
import type { Host, HostCommand } from '../../transport/messages/records.ts';
import { type Bucket, conflict, type Entry } from '../../transport/nats/bucket.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';
import type { Pulse } from '../runtime/pulse.ts';

/** How many heartbeats must be missing for a process to be gone. */
const missingBeats = 1.5;

/** What the process that has the lease does for it. */
export interface LeaseHolder {
  /** The host's record as of now. */
  present(): Omit<Host, 'incarnation' | 'commandedMeanwhile'>;
  /** The host was declared down meanwhile. What `present` answers says so until its instances are reconciled. */
  fence(down: NonNullable<Host['down']>): void;
  /** Does what an operator wanted while the process was not heard; the next record shows it. */
  obey(command: HostCommand): void;
}

export class HostLease {
  readonly #bucket: Bucket<Host>;
  readonly #key: string;
  readonly #incarnation: string;
  readonly #clock: Clock;
  readonly #sureMs: number;
  #revision: number;
  /** When it was last begun to renew it, of those times that came to something. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  /** The record that the lease was taken over from, until it is renewed for the first time. */
  #earlier: Host | undefined;

  /**
   * Takes the lease, when need be after a time of watching that nobody renews it. Rejects with `conflict` when somebody
   * does. `earlier` is the record of the process before, or of an earlier life of this one, which nobody renews.
   */
  static async take(
    bucket: Bucket<Host>,
    name: string,
    incarnation: string,
    clock: Clock,
    pulse: Pulse,
  ): Promise<{ lease: HostLease; earlier: Host | undefined }> {
    const key = encodeToken(name);
    let entry = await bucket.get(key);
    if (entry && entry.value.incarnation !== incarnation && mayBeHeld(entry)) {
      await sleep(clock, watchMs(pulse));
      const later = await bucket.get(key);
      if (later && !isOfSameBeat(later.value, entry.value) && later.value.hypervisorState !== 'stopped') {
        throw fail('conflict', `another process runs the host ${name}: end it, or give this one another name`);
      }
      entry = later;
    }
    return { lease: new HostLease(bucket, key, incarnation, clock, pulse, entry), earlier: entry?.value };
  }

  private constructor(
    bucket: Bucket<Host>,
    key: string,
    incarnation: string,
    clock: Clock,
    pulse: Pulse,
    entry: Entry<Host> | undefined,
  ) {
    this.#bucket = bucket;
    this.#key = key;
    this.#incarnation = incarnation;
    this.#clock = clock;
    this.#sureMs = watchMs(pulse);
    this.#revision = entry?.revision ?? 0;
    this.#earlier = entry?.value;
  }

  /** Whether nobody can have taken it over, or the host for dead, since it was renewed: both watch for longer than this. */
  get isSure(): boolean {
    return Math.abs(this.#clock.now() - this.#renewedAt) < this.#sureMs;
  }

  /** Resolves with the record's revision; rejects with `conflict` when the lease is another process's by now. */
  async renew(holder: LeaseHolder): Promise<number> {
    for (;;) {
      const began = this.#clock.now();
      const record = { ...holder.present(), incarnation: this.#incarnation };
      const outcome = await this.#write(record);
      if (outcome !== conflict) {
        this.#revision = outcome;
        this.#renewedAt = began;
        this.#earlier = undefined;
        return outcome;
      }
      // A controller may have written, or an acknowledgement of our own was lost on the way.
      const entry = await this.#bucket.get(this.#key);
      if (entry && !this.#isStillOurs(entry.value)) {
        throw fail('conflict', `another process has taken over the host ${record.name}`);
      }
      this.#revision = entry?.revision ?? 0;
      if (entry?.value.commandedMeanwhile) holder.obey(entry.value.commandedMeanwhile);
      // Forgotten: it was down for so long that nobody thought it would come back.
      if (!entry) holder.fence({ since: record.heartbeatAt });
      if (entry?.value.down) holder.fence(entry.value.down);
    }
  }

  #isStillOurs(record: Host): boolean {
    if (record.incarnation === this.#incarnation) return true;
    return this.#earlier !== undefined && isOfSameBeat(record, this.#earlier);
  }

  #write(record: Host): Promise<number | typeof conflict> {
    return this.#revision === 0
      ? this.#bucket.create(this.#key, record)
      : this.#bucket.update(this.#key, record, this.#revision);
  }
}

/** How long (ms) whoever wants the lease watches that nobody renews it. */
function watchMs({ beatEveryMs }: Pulse): number {
  return missingBeats * beatEveryMs;
}

/** How old its heartbeat is says nothing: the clock that it was written by may be another machine's. */
function mayBeHeld({ value }: Entry<Host>): boolean {
  return value.hypervisorState !== 'stopped' && !value.down;
}

/** Whether no process has written in between: each of them leaves its name and the time. */
function isOfSameBeat(one: Host, other: Host): boolean {
  return one.incarnation === other.incarnation && one.heartbeatAt === other.heartbeatAt;
}
