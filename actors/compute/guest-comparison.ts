/**
 * What is done about each thing that the hypervisor of a host holds of an instance, by the instance's record:
 *
 *     guest, and the record is …           what is done
 *     this host's                          the record follows what the guest does; if it has come back: taken up anew
 *     another host's, nobody's, deleted,   a stale copy: destroyed, before anything else begins here
 *     this host's, and without a guest
 *     not there at all                     as the setting `unknownGuests` says
 *     not readable                         left alone
 *
 * On storage that hosts share, a disk is its instance's, wherever that is: it stays as long as a host that shares it, or
 * one that is yet to be chosen, may go on with it, and any of them removes it once nobody will.
 */
import { toFailure } from '../../machines/failure.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Entry } from '../../transport/nats/bucket.ts';
import type { Hypervisor } from '../hypervisor/hypervisor.ts';
import type { Logger } from '../runtime/logger.ts';
import { mayNeedDisks, mayReturn, standingOf, whyStale } from './guest-standing.ts';
import type { HostInstances } from './host-instances.ts';
import type { RecoverySettings } from './recovery-settings.ts';
import type { Trace } from './traces.ts';

export interface ComparisonWorld {
  readonly name: string;
  readonly hypervisor: Hypervisor;
  readonly instances: HostInstances;
  readonly unknownGuests: RecoverySettings['unknownGuests'];
  /** Absent: nobody else has disks where this host has its own. */
  readonly sharesDisksWith: ((host: string) => Promise<boolean>) | undefined;
  readonly logger: Logger;
  /** Tells the world of a guest that has no place here. */
  readonly publish: (guest: FoundGuest) => void;
}

export interface FoundGuest {
  type: 'guest.unknown' | 'guest.destroyed';
  uuid: string;
  reason: string;
}

/** Throws `invalid_request` for one that cannot be read. */
export type FindRecord = (uuid: string) => Promise<Entry<Instance> | undefined>;

/**
 * ours: nobody here owns it yet; undecided: it is on no host, and it may turn out that its disks are not needed;
 * unreadable: what was known of it holds on.
 */
type Finding = 'settled' | 'unknown' | 'undecided' | 'unreadable' | { ours: Entry<Instance> };

export class GuestComparison {
  readonly #world: ComparisonWorld;
  #unknown: ReadonlySet<string>;
  /** Those that are on no host, of which nobody can tell yet whether their disks are needed. */
  #undecided = new Set<string>();
  /** The guests of which something may be left, because their destruction was begun and has not succeeded yet. */
  readonly #halfDestroyed = new Set<string>();

  constructor(world: ComparisonWorld, unknown: Set<string>) {
    this.#world = world;
    this.#unknown = unknown;
  }

  /** The uuids of the guests of which there is no record. */
  get unknown(): ReadonlySet<string> {
    return this.#unknown;
  }

  /** Those to look at again: there may be a record by now, they may be gone, or it may be known who needs the disks. */
  get unsettled(): ReadonlySet<string> {
    return new Set([...this.#unknown, ...this.#undecided]);
  }

  /**
   * Resolves with the records of those that are this host's, and that nobody here owns yet. `looked`: whose traces these are,
   * if not everybody's. What fails leaves it unsettled.
   */
  async compare(
    traces: Trace[],
    find: FindRecord,
    signal: AbortSignal,
    looked: ReadonlySet<string> = this.unsettled,
  ): Promise<Entry<Instance>[]> {
    const attended = await Promise.all(traces.map((trace) => this.#attend(trace, find, signal)));
    // A process that has been stopped meanwhile takes nothing up any more.
    signal.throwIfAborted();
    const foundTo = (be: Finding) => traces.flatMap(({ uuid }, at) => (attended[at] === be ? [uuid] : []));
    const unreadable = new Set(foundTo('unreadable'));
    const isAsBefore = (uuid: string) => !looked.has(uuid) || unreadable.has(uuid);
    const before = this.#unknown;
    this.#unknown = new Set([...[...before].filter(isAsBefore), ...foundTo('unknown')]);
    this.#undecided = new Set([...[...this.#undecided].filter(isAsBefore), ...foundTo('undecided')]);
    if (this.#world.unknownGuests === 'report') {
      for (const uuid of this.#unknown) {
        if (!before.has(uuid)) this.#tellOf({ type: 'guest.unknown', uuid, reason: 'there is no record of it' });
      }
    }
    return attended.flatMap((finding) => (typeof finding === 'object' ? [finding.ours] : []));
  }

  async #attend({ uuid, guest }: Trace, find: FindRecord, signal: AbortSignal): Promise<Finding> {
    const { name, instances, unknownGuests, logger } = this.#world;
    if (instances.owns(uuid)) return 'settled';
    let entry: Entry<Instance> | undefined;
    try {
      entry = await find(uuid);
    } catch (error) {
      // A store that does not answer says nothing: it is asked again.
      if (toFailure(error).code !== 'invalid_request') throw error;
      logger.error({ uuid, host: name, error }, 'a guest is left alone, because its record cannot be read');
      return 'unreadable';
    }
    const record = entry?.value;
    // Of a guest that is rebuilt, or released, its filter may be all that is there: that is no guest.
    const hasDomain = guest !== undefined && guest.powerState !== 'absent';
    const standing = standingOf(record, name, hasDomain || this.#halfDestroyed.has(uuid));
    if (entry && standing === 'ours') return { ours: entry };
    if (standing === 'unknown' && unknownGuests !== 'destroy') return 'unknown';
    const isLeaving = record !== undefined && mayReturn(record, name);
    const keepsDisks = isLeaving || (record !== undefined && (await this.#areNeededElsewhere(record)));
    const finding = isLeaving || (keepsDisks && record?.owner === 'control') ? 'undecided' : 'settled';
    if (keepsDisks && !guest) return finding;
    const reason = record ? whyStale(record, name) : 'there is no record of it';
    const isDestroyed = await instances.whileNobodyHas(uuid, () => this.#destroy(uuid, keepsDisks, signal));
    if (isDestroyed) this.#tellOf({ type: 'guest.destroyed', uuid, reason });
    return finding;
  }

  /** Whether the disks that are here may be those that the instance, which is not here, goes on with. */
  async #areNeededElsewhere(record: Instance): Promise<boolean> {
    const { sharesDisksWith } = this.#world;
    if (!sharesDisksWith || !mayNeedDisks(record)) return false;
    return record.owner === 'control' || (await sharesDisksWith(record.owner.host));
  }

  async #destroy(uuid: string, keepsDisks: boolean, signal: AbortSignal): Promise<void> {
    const { hypervisor } = this.#world;
    this.#halfDestroyed.add(uuid);
    await hypervisor.destroyDomain(uuid, signal);
    await hypervisor.removeFilter(uuid, signal);
    if (!keepsDisks) await hypervisor.removeDisks(uuid, signal);
    this.#halfDestroyed.delete(uuid);
  }

  #tellOf(guest: FoundGuest): void {
    const { name, logger, publish } = this.#world;
    const { uuid, reason } = guest;
    const what = guest.type === 'guest.unknown' ? 'a guest is unknown' : 'a guest was destroyed';
    logger.warn({ uuid, host: name, reason }, what);
    publish(guest);
  }
}
