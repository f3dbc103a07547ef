/**
 * When what the hypervisor of a host holds is compared with the records of the host's instances: at the start of its process,
 * each time the hypervisor is back, when others may have moved its instances, and every now and then what was not decided.
 * What is done about each guest is `guest-comparison.ts`'s; of an instance of this host without a guest, its record follows
 * as the setting `lostGuests` says.
 *
 * Only reads and repeatable steps: it may be broken off anywhere, and done again at any time.
 */
import { type FailureCode, fail } from '../../machines/failure.ts';
import type { Clock } from '../../transport/clock.ts';
import type { Host, Instance } from '../../transport/messages/records.ts';
import type { Bucket, Entry } from '../../transport/nats/bucket.ts';
import type { Receipt } from '../../transport/nats/cast.ts';
import { openView } from '../../transport/nats/view.ts';
import type { InstanceOwner } from '../instance/owner.ts';
import { type ComparisonWorld, type FindRecord, GuestComparison } from './guest-comparison.ts';
import type { GuestReports } from './guest-reports.ts';
import { isOurs } from './guest-standing.ts';
import { findTraces, type Trace } from './traces.ts';
import { tellUnknown, toldUnknown } from './unknown-guests.ts';

export interface ReconcilerWorld extends ComparisonWorld {
  readonly bucket: Bucket<Instance>;
  readonly reports: GuestReports;
  readonly clock: Clock;
}

/** What a host tells of what it has compared. */
export type Compared = Pick<Host, 'bootId' | 'unknownGuests' | 'tokenGuests'>;

/** Of the instances of a host, and of guests. */
interface Records {
  readonly owned: Entry<Instance>[];
  readonly find: FindRecord;
}

export class Reconciler {
  readonly #world: ReconcilerWorld;
  readonly #guests: GuestComparison;
  /** Of the machine when guests and records were compared last. */
  #bootId: string | undefined;
  #isFirst = true;

  #toLookAt = new Set<string>();
  #nextLook: Promise<void> | undefined;
  #lastLook: Promise<void> = Promise.resolve();

  /** `earlier`: what the process before has told. */
  constructor(world: ReconcilerWorld, earlier: Compared) {
    this.#world = world;
    this.#guests = new GuestComparison(world, toldUnknown(earlier));
    this.#bootId = earlier.bootId;
  }

  get compared(): Compared {
    return {
      ...(this.#bootId !== undefined && { bootId: this.#bootId }),
      ...tellUnknown(this.#guests.unknown, this.#world.unknownGuests !== 'leave'),
    };
  }

  /** What must not be here is gone when `untilAllCompared` is called, and nothing is begun here before it resolves. */
  async run(signal: AbortSignal, untilAllCompared: () => Promise<boolean>): Promise<void> {
    const { hypervisor, instances } = this.#world;
    const bootId = await hypervisor.bootId();
    // Guests first, then records: of whatever has made a guest there was a record before.
    const found = await findTraces(hypervisor, signal);
    await instances.disownTaken();
    const records = await this.#readRecords();
    const returned = await this.#guests.compare(found, records.find, signal);
    // Guests may have done something meanwhile, of which nobody was told.
    const latest = (await untilAllCompared()) ? await findTraces(hypervisor, signal) : found;
    signal.throwIfAborted();
    for (const { value, revision } of [...records.owned, ...returned]) instances.takeUp(value, revision);
    const isAfterBoot = this.#bootId !== undefined && this.#bootId !== bootId;
    const back = this.#isFirst ? 'when the compute host came back' : 'when the hypervisor was back';
    const when = isAfterBoot ? 'after the machine was booted' : back;
    await this.#tell(instances.owners(), latest, when, isAfterBoot);
    instances.releaseAgain();
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
    await this.#lookAt([uuid], signal);
    if (instances.owns(uuid) || (await hypervisor.powerState(uuid)) === 'absent') return {};
    return refusal('conflict', `host ${name} still has its guest`);
  }

  /**
   * Looks again after the disks of which it was not decided yet who needs them, and after the guests of which there was no
   * record. What a process before has told of is not looked at before everything is.
   */
  async lookAgain(signal: AbortSignal): Promise<void> {
    const { unsettled } = this.#guests;
    if (this.#isFirst || unsettled.size === 0 || !this.#world.hypervisor.isConnected) return;
    await this.#lookAt(unsettled, signal);
  }

  /** Those that are asked for while one looks are looked at together, afterwards. */
  #lookAt(uuids: Iterable<string>, signal: AbortSignal): Promise<void> {
    for (const uuid of uuids) this.#toLookAt.add(uuid);
    this.#nextLook ??= this.#lastLook.then(async () => {
      const wanted = this.#toLookAt;
      this.#toLookAt = new Set();
      this.#nextLook = undefined;
      await this.#compareOnly(wanted, signal);
    });
    const looking = this.#nextLook;
    this.#lastLook = looking.catch(() => undefined);
    return looking;
  }

  async #compareOnly(uuids: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { bucket, hypervisor, instances } = this.#world;
    await Promise.all([...uuids].map((uuid) => instances.disownTaken(uuid)));
    const found = await findTraces(hypervisor, signal, uuids);
    const returned = await this.#guests.compare(found, (uuid) => bucket.get(uuid), signal, uuids);
    for (const { value, revision } of returned) instances.takeUp(value, revision);
    // Also those that have come back, and were taken up, before it was looked what their guests do.
    const owners = instances.owners().filter(({ uuid }) => uuids.has(uuid));
    await this.#tell(owners, found, 'when the instance came back');
  }

  /**
   * A process that begins looks through all records for its own; later it knows them, and only asks for those of guests
   * that it does not: a view that is kept would bring every change of every instance of the cloud to every host.
   */
  async #readRecords(): Promise<Records> {
    const { bucket, clock, name } = this.#world;
    if (!this.#isFirst) return { owned: [], find: (uuid) => bucket.get(uuid) };
    const view = await openView(bucket, clock);
    view.close();
    return {
      owned: [...view.entries()].filter(({ value }) => isOurs(value, name)),
      async find(uuid) {
        const entry = view.entry(uuid);
        if (!entry && view.revisionOf(uuid) !== undefined)
          throw fail('invalid_request', `the record of instance ${uuid} cannot be read`);
        return entry;
      },
    };
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
