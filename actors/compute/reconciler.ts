/**
 * Compares what the hypervisor of a host holds with the records of the host's instances, both ways: at the start of its
 * process, each time the hypervisor is back, when others may have moved its instances, and every now and then what was not
 * decided.
 *
 *     guest, and the record is …           what is done
 *     this host's                          the record follows what the guest does; if it has come back: taken up anew
 *     another host's, nobody's, deleted,   a stale copy: destroyed, before anything else begins here
 *     this host's, and without a guest
 *     not there at all                     as the setting `unknownGuests` says
 *     no guest, the record is this host's  as the setting `lostGuests` says
 *
 * On storage that hosts share, a disk is its instance's, wherever that is: it stays as long as a host that shares it, or
 * one that is yet to be chosen, may go on with it, and any of them removes it once nobody will.
 *
 * Only reads and repeatable steps: it may be broken off anywhere, and done again at any time.
 */
import { type FailureCode, fail, toFailure } from '../../machines/failure.ts';
import type { Clock } from '../../transport/clock.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Bucket, Entry } from '../../transport/nats/bucket.ts';
import type { Receipt } from '../../transport/nats/cast.ts';
import { openView } from '../../transport/nats/view.ts';
import type { GuestReport, Hypervisor } from '../hypervisor/hypervisor.ts';
import type { InstanceOwner } from '../instance/owner.ts';
import type { Logger } from '../runtime/logger.ts';
import type { GuestReports } from './guest-reports.ts';
import { isOurs, mayNeedDisks, mayReturn, standingOf, whyStale } from './guest-standing.ts';
import type { HostInstances } from './host-instances.ts';
import type { RecoverySettings } from './recovery-settings.ts';

export interface ReconcilerWorld {
  readonly name: string;
  readonly bucket: Bucket<Instance>;
  readonly hypervisor: Hypervisor;
  readonly instances: HostInstances;
  readonly reports: GuestReports;
  readonly unknownGuests: RecoverySettings['unknownGuests'];
  /** Absent: nobody else has disks where this host has its own. */
  readonly sharesDisksWith: ((host: string) => Promise<boolean>) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells the world of a guest that has no place here. */
  readonly publish: (guest: FoundGuest) => void;
}

export interface FoundGuest {
  type: 'guest.unknown' | 'guest.destroyed';
  uuid: string;
  reason: string;
}

/** What the hypervisor holds of an instance; without a guest there are only disks. */
interface Trace {
  uuid: string;
  guest?: GuestReport;
}

/** Of the instances of a host, and of guests. Throws `invalid_request` for one that cannot be read. */
interface Records {
  readonly owned: Entry<Instance>[];
  of(uuid: string): Promise<Entry<Instance> | undefined>;
}

export class Reconciler {
  readonly #world: ReconcilerWorld;
  /** Of the machine when guests and records were compared last. */
  #bootId: string | undefined;
  #isFirst = true;
  #unknown = new Set<string>();
  /** The instances that were on no host when it was looked whether their disks are needed: it may turn out that not. */
  readonly #undecided = new Set<string>();
  /** The guests of which something may be left, because their destruction was begun and has not succeeded yet. */
  readonly #halfDestroyed = new Set<string>();

  #toLookAt = new Set<string>();
  #nextLook: Promise<void> | undefined;
  #lastLook: Promise<void> = Promise.resolve();

  constructor(world: ReconcilerWorld, bootId: string | undefined) {
    this.#world = world;
    this.#bootId = bootId;
  }

  get bootId(): string | undefined {
    return this.#bootId;
  }
  /** The uuids of the guests of which there is no record. */
  get unknownGuests(): string[] {
    return [...this.#unknown];
  }

  /** What must not be here is gone when `untilAllCompared` is called, and nothing is begun here before it resolves. */
  async run(signal: AbortSignal, untilAllCompared: () => Promise<boolean>): Promise<void> {
    const { hypervisor, instances } = this.#world;
    const bootId = await hypervisor.bootId();
    // Guests first, then records: of whatever has made a guest there was a record before.
    const found = await this.#look(signal);
    await instances.disownTaken();
    const records = await this.#readRecords();
    const unknown = new Set<string>();
    const returned = await this.#attendAll(found, records, unknown, signal);
    this.#unknown = unknown;
    // Guests may have done something meanwhile, of which nobody was told.
    const latest = (await untilAllCompared()) ? await this.#look(signal) : found;
    signal.throwIfAborted();
    for (const { value, revision } of [...records.owned, ...returned]) instances.takeUp(value, revision);
    const isAfterBoot = this.#bootId !== undefined && this.#bootId !== bootId;
    const back = this.#isFirst ? 'when the compute host came back' : 'when the hypervisor was back';
    const when = isAfterBoot ? 'after the machine was booted' : back;
    await this.#tell(instances.owners(), latest, when, isAfterBoot);
    await instances.releaseAgain();
    this.#isFirst = false;
    this.#bootId = bootId;
  }

  /**
   * The instance was taken from this host, which may have compared what it has before that. The failure says why it cannot
   * be told that nothing of it runs here.
   */
  async forget(uuid: string, signal: AbortSignal): Promise<Receipt> {
    const { name, hypervisor, instances } = this.#world;
    // It will compare everything when that is back.
    if (!hypervisor.isConnected) return refusal('hypervisor_unavailable', `host ${name} is without its hypervisor`);
    await this.#lookAt(uuid, signal);
    if (instances.owns(uuid) || (await hypervisor.powerState(uuid)) === 'absent') return {};
    return refusal('conflict', `host ${name} still has its guest`);
  }

  /** Those that are asked for while one looks are looked at together, afterwards. */
  #lookAt(uuid: string, signal: AbortSignal): Promise<void> {
    const { instances } = this.#world;
    this.#toLookAt.add(uuid);
    this.#nextLook ??= this.#lastLook.then(async () => {
      const uuids = this.#toLookAt;
      this.#toLookAt = new Set();
      this.#nextLook = undefined;
      await Promise.all([...uuids].map((each) => instances.disownTaken(each)));
      await this.#compareOnly(uuids, signal);
    });
    const looking = this.#nextLook;
    this.#lastLook = looking.catch(() => undefined);
    return looking;
  }

  /**
   * Looks again after the disks of which it was not decided yet who needs them, and after the guests of which there was no
   * record: there may be one by now, or they may be gone.
   */
  async lookAgain(signal: AbortSignal): Promise<void> {
    const undecided = new Set(this.#undecided);
    const uuids = new Set([...undecided, ...this.#unknown]);
    if (uuids.size === 0 || !this.#world.hypervisor.isConnected) return;
    this.#undecided.clear();
    try {
      await this.#compareOnly(uuids, signal);
    } catch (error) {
      for (const uuid of undecided) this.#undecided.add(uuid);
      throw error;
    }
  }

  async #compareOnly(uuids: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { bucket, instances } = this.#world;
    const records: Records = { owned: [], of: (uuid) => bucket.get(uuid) };
    const found = await this.#look(signal);
    const wanted = found.filter(({ uuid }) => uuids.has(uuid));
    const unknown = new Set<string>();
    const returned = await this.#attendAll(wanted, records, unknown, signal);
    for (const uuid of uuids) this.#unknown.delete(uuid);
    for (const uuid of unknown) this.#unknown.add(uuid);
    for (const { value, revision } of returned) instances.takeUp(value, revision);
    // Also those that have come back, and were taken up, before it was looked what their guests do.
    const owners = instances.owners().filter(({ uuid }) => uuids.has(uuid));
    await this.#tell(owners, found, 'when the instance came back');
  }

  /** All of which anything is there. */
  async #look(signal: AbortSignal): Promise<Trace[]> {
    const { hypervisor } = this.#world;
    const [guests, disks] = await Promise.all([hypervisor.listGuests(signal), hypervisor.listDisks(signal)]);
    const found = new Map<string, Trace>(disks.map((uuid) => [uuid, { uuid }]));
    for (const guest of guests) found.set(guest.uuid, { uuid: guest.uuid, guest });
    return [...found.values()];
  }

  /**
   * A process that begins looks through all records for its own; later it knows them, and only asks for those of guests
   * that it does not: a view that is kept would bring every change of every instance of the cloud to every host.
   */
  async #readRecords(): Promise<Records> {
    const { bucket, clock, name } = this.#world;
    if (!this.#isFirst) return { owned: [], of: (uuid) => bucket.get(uuid) };
    const view = await openView(bucket, clock);
    view.close();
    return {
      owned: [...view.entries()].filter(({ value }) => isOurs(value, name)),
      async of(uuid) {
        const entry = view.entry(uuid);
        if (!entry && view.revisionOf(uuid) !== undefined)
          throw fail('invalid_request', `the record of instance ${uuid} cannot be read`);
        return entry;
      },
    };
  }

  /** Resolves with the records of those that are this host's, and that nobody here owns yet. */
  async #attendAll(
    traces: Trace[],
    records: Records,
    unknown: Set<string>,
    signal: AbortSignal,
  ): Promise<Entry<Instance>[]> {
    const attended = await Promise.all(traces.map((trace) => this.#attend(trace, records, unknown, signal)));
    // A process that has been stopped meanwhile takes nothing up any more.
    signal.throwIfAborted();
    return attended.filter((entry) => entry !== undefined);
  }

  /** A guest that has no owner here: its record, if it is to have one. */
  async #attend(
    { uuid, guest }: Trace,
    records: Records,
    unknown: Set<string>,
    signal: AbortSignal,
  ): Promise<Entry<Instance> | undefined> {
    const { name, instances, unknownGuests, logger } = this.#world;
    this.#undecided.delete(uuid);
    if (instances.owns(uuid)) return;
    let entry: Entry<Instance> | undefined;
    try {
      entry = await records.of(uuid);
    } catch (error) {
      // A store that does not answer says nothing: it is asked again.
      if (toFailure(error).code !== 'invalid_request') throw error;
      logger.error({ uuid, host: name, error }, 'a guest is left alone, because its record cannot be read');
      return;
    }
    const record = entry?.value;
    // Of a guest that is rebuilt, or released, its filter may be all that is there: that is no guest.
    const hasDomain = guest !== undefined && guest.powerState !== 'absent';
    const standing = standingOf(record, name, hasDomain || this.#halfDestroyed.has(uuid));
    if (standing === 'ours') return entry;
    if (standing === 'unknown' && unknownGuests === 'leave') return;
    if (standing === 'unknown' && unknownGuests === 'report') {
      unknown.add(uuid);
      if (!this.#unknown.has(uuid)) this.#tellOf({ type: 'guest.unknown', uuid, reason: 'there is no record of it' });
      return;
    }
    const isLeaving = record !== undefined && mayReturn(record, name);
    const keepsDisks = isLeaving || (record !== undefined && (await this.#areNeededElsewhere(record)));
    if (isLeaving || (keepsDisks && record?.owner === 'control')) this.#undecided.add(uuid);
    if (keepsDisks && !guest) return;
    const reason = record ? whyStale(record, name) : 'there is no record of it';
    const isDestroyed = await instances.whileNobodyHas(uuid, () => this.#destroy(uuid, keepsDisks, signal));
    if (isDestroyed) this.#tellOf({ type: 'guest.destroyed', uuid, reason });
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

  async #tell(owners: InstanceOwner[], traces: Trace[], when: string, isAfterBoot = false): Promise<void> {
    const { reports } = this.#world;
    const found = new Map(traces.map(({ uuid, guest }) => [uuid, guest]));
    await Promise.all(
      owners.map(async (owner) => {
        const { powerState = 'absent', reason } = found.get(owner.uuid) ?? {};
        const foundSo = `found ${foundWords[powerState]} ${when}`;
        const report = { uuid: owner.uuid, powerState, reason: reason ? `${foundSo}: ${reason}` : foundSo };
        await reports.tell(owner, report, { isAfterBoot });
      }),
    );
  }
}

function refusal(code: FailureCode, message: string): Receipt {
  return { failure: fail(code, message, { disposition: 'retry' }).failure };
}

const foundWords = {
  running: 'running',
  paused: 'paused',
  shutdown: 'off',
  suspended: 'suspended',
  crashed: 'crashed',
  nostate: 'in a state that is not known',
  absent: 'gone',
} as const;
