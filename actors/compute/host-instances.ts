/** The instances of one host: who owns them here, and what casts do to them. */
import { fail, toFailure } from '../../machines/failure.ts';
import type { InstanceEvent } from '../../machines/instance.ts';
import { holdsShare, isUnclaimed } from '../../machines/instance-states.ts';
import type { Clock } from '../../transport/clock.ts';
import type { CallContext } from '../../transport/messages/call-context.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import type { Receipt } from '../../transport/nats/cast.ts';
import type { GuestReport } from '../hypervisor/hypervisor.ts';
import { heldShare } from '../instance/held-share.ts';
import type { InstanceStore } from '../instance/instance-store.ts';
import { type CommandKey, InstanceOwner, type OwnerWorld } from '../instance/owner.ts';
import { isSameOwner } from '../instance/owner-name.ts';
import { attemptOf, refuseUnknown } from '../instance/stored-chart.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Claims } from './claims.ts';
import type { GuestReports } from './guest-reports.ts';
import type { GuestSpecs } from './guest-specs.ts';
import { isOurs } from './guest-standing.ts';

export interface HostInstancesWorld {
  readonly name: string;
  readonly store: InstanceStore;
  readonly claims: Claims;
  readonly specs: GuestSpecs;
  readonly reports: GuestReports;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface StoredInstance {
  record: Instance;
  revision: number;
}

/** A client's command, as a controller passes it on. */
interface PassedCommand extends CommandKey {
  uuid: string;
  command: InstanceEvent;
}

export class HostInstances {
  readonly #world: HostInstancesWorld;
  readonly #owning: OwnerWorld;
  readonly #owners = new Map<string, InstanceOwner>();
  /** What is done to guests that nobody owns. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(world: HostInstancesWorld, owning: Pick<OwnerWorld, 'effects' | 'inspection' | 'tracer'>) {
    this.#world = world;
    this.#owning = {
      ...owning,
      name: { host: world.name },
      store: world.store,
      clock: world.clock,
      logger: world.logger,
      onSettle: (owner) => void world.reports.catchUp(owner),
      onRelease: (owner) => this.#release(owner),
    };
  }

  owns(uuid: string): boolean {
    return this.#owners.has(uuid);
  }

  owners(): InstanceOwner[] {
    return [...this.#owners.values()];
  }

  /** One after the other, as they are by then: some may come and go in between. */
  eachOwner(): Iterable<InstanceOwner> {
    return this.#owners.values();
  }

  /** The scheduler has placed an instance here. A cast that is delivered again, or too late, changes nothing. */
  async run({ record, revision }: StoredInstance, context: CallContext): Promise<void> {
    refuseUnknown(record);
    await this.#untilLeftAlone(record.uuid);
    const known = this.#owners.get(record.uuid);
    if (known && known.context.attempt >= attemptOf(record)) return;
    await known?.halt();
    this.#own(record, revision, context).start();
  }

  /** A client's command. A refusal is a receipt too: to deliver the cast again would not make it right. */
  async command({ uuid, command, ...key }: PassedCommand, context: CallContext): Promise<Receipt> {
    try {
      const owner = await this.#ownerOf(uuid);
      // It happens now: how long the cast was on its way is no part of any deadline.
      return { revision: await owner.command({ ...command, at: this.#world.clock.now() }, key, context) };
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (failure.code === 'conflict') return { failure };
      throw thrown;
    }
  }

  /**
   * The control plane finds that an instance of this host does not go on: its cast may have been taken by another process of
   * the host, which has ended since.
   */
  async attend(uuid: string): Promise<void> {
    await this.disownTaken(uuid);
    if (this.#owners.has(uuid)) return;
    const stored = await this.#world.store.get(uuid);
    await this.#untilLeftAlone(uuid);
    if (stored && isOurs(stored.value, this.#world.name)) this.takeUp(stored.value, stored.revision);
  }

  /** The hypervisor tells what a guest does. */
  report(report: GuestReport): void {
    const owner = this.#owners.get(report.uuid);
    if (owner) this.#world.reports.report(owner, report);
  }

  /** Goes on with an instance of which this process knows only the record. */
  takeUp(record: Instance, revision: number): void {
    if (this.#owners.has(record.uuid)) return;
    try {
      // Its guest runs on as it is.
      refuseUnknown(record);
      this.#adopt(this.#own(record, revision));
    } catch (error) {
      this.#owners.delete(record.uuid);
      this.#world.logger.error({ uuid: record.uuid, error }, 'an instance cannot be taken up');
    }
  }

  /**
   * Lets go of the instances that others have taken while this host was not heard of, or of one of them. One that was
   * taken and has come back is taken up anew.
   */
  async disownTaken(uuid?: string): Promise<void> {
    const suspects = this.owners().filter((owner) => uuid === undefined || owner.uuid === uuid);
    await Promise.all(suspects.map((owner) => this.#disownIfTaken(owner)));
  }

  async #disownIfTaken(owner: InstanceOwner): Promise<void> {
    const { store, name, logger } = this.#world;
    const stored = await store.get(owner.uuid);
    if (stored && (stored.revision <= owner.revision || owner.hasWritten(stored.value.chart))) return;
    logger.warn({ uuid: owner.uuid, owner: stored?.value.owner }, 'an instance was taken over');
    await owner.halt();
    const latest = await store.get(owner.uuid);
    if (latest && isOurs(latest.value, name)) this.takeUp(latest.value, latest.revision);
  }

  /**
   * Tries once more to give back what could not be given back: of deletions, launches that failed, and resizes. One that
   * cannot be stored keeps nobody else waiting.
   */
  releaseAgain(): void {
    const { clock, logger } = this.#world;
    const retry = { type: 'release.retry', at: clock.now() } as const;
    for (const owner of this.owners().filter((each) => each.accepts(retry))) {
      owner
        .send(retry, newContext())
        .catch((error) => logger.warn({ uuid: owner.uuid, error }, 'what an instance holds is still held'));
    }
  }

  /**
   * Does something to a guest that has no owner, after what is done to it already: no owner comes before all is done.
   * `false`: it has one by now.
   */
  async whileNobodyHas(uuid: string, work: () => Promise<void>): Promise<boolean> {
    const before = this.#underWay.get(uuid) ?? Promise.resolve();
    const doing = before.then(async () => {
      if (this.#owners.has(uuid)) return false;
      await work();
      return true;
    });
    const done = doing.then(forget, forget);
    this.#underWay.set(uuid, done);
    const underWay = this.#underWay;
    function forget(): void {
      if (underWay.get(uuid) === done) underWay.delete(uuid);
    }
    return doing;
  }

  /** Resolves when nothing is done to the guest by whoever found that it has no owner. */
  async #untilLeftAlone(uuid: string): Promise<void> {
    for (let work = this.#underWay.get(uuid); work; work = this.#underWay.get(uuid)) await work;
  }

  /** Resolves when every chart stands where it is stored. */
  async halt(): Promise<void> {
    await Promise.all(this.owners().map((owner) => owner.halt()));
  }

  #own(record: Instance, revision: number, context?: CallContext): InstanceOwner {
    const owner = new InstanceOwner(this.#owning, record, revision, context);
    this.#owners.set(record.uuid, owner);
    return owner;
  }

  /** The owner of an instance of this host, also of one that this process has not heard of yet. */
  async #ownerOf(uuid: string): Promise<InstanceOwner> {
    const known = this.#owners.get(uuid);
    if (known) return known;
    const stored = await this.#world.store.get(uuid);
    if (!stored || !isSameOwner(stored.value.owner, this.#owning.name)) {
      throw fail('conflict', `instance ${uuid} is not on host ${this.#world.name}`, { disposition: 'retry' });
    }
    refuseUnknown(stored.value);
    // A deleted one is asked, refuses, and is forgotten again.
    if (!isOurs(stored.value, this.#world.name)) {
      return new InstanceOwner(this.#owning, stored.value, stored.revision);
    }
    await this.#untilLeftAlone(uuid);
    // Two casts may have looked at the same time.
    const faster = this.#owners.get(uuid);
    if (faster) return faster;
    const owner = this.#own(stored.value, stored.revision);
    this.#adopt(owner);
    return owner;
  }

  #adopt(owner: InstanceOwner): void {
    if (holdsShare(owner.state) && !isUnclaimed(owner.state)) {
      this.#world.claims.hold(owner.uuid, heldShare(owner.record));
    }
    if (owner.record.chart.children) owner.start();
  }

  #release(owner: InstanceOwner): void {
    if (this.#owners.get(owner.uuid) !== owner) return;
    const { reports, claims, specs } = this.#world;
    this.#owners.delete(owner.uuid);
    reports.forget(owner.uuid);
    claims.release(owner.uuid);
    specs.forget(owner.uuid);
  }
}
