/**
 * The instances of one host: who owns them here, what casts do to them, and how they are compared with what the
 * hypervisor runs.
 */
import { fail, toFailure } from '../../machines/failure.ts';
import type { InstanceEvent, ReportedPowerState } from '../../machines/instance.ts';
import type { Clock } from '../../transport/clock.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import { type CallContext, newContext } from '../../transport/nats/call-context.ts';
import type { Receipt } from '../../transport/nats/cast.ts';
import { openView } from '../../transport/nats/view.ts';
import type { Hypervisor } from '../hypervisor/hypervisor.ts';
import { heldShare, holdsShare } from '../instance/held-share.ts';
import { InstanceOwner, isSameOwner, type OwnerWorld } from '../instance/owner.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Claims } from './claims.ts';
import type { GuestSpecs } from './guest-specs.ts';

export interface HostInstancesWorld {
  readonly name: string;
  readonly bucket: Bucket<Instance>;
  readonly hypervisor: Hypervisor;
  readonly claims: Claims;
  readonly specs: GuestSpecs;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface StoredInstance {
  record: Instance;
  revision: number;
}

export class HostInstances {
  readonly #world: HostInstancesWorld;
  readonly #owning: OwnerWorld;
  readonly #owners = new Map<string, InstanceOwner>();
  /** What the hypervisor reported last, for a chart that could not hear it at the time. */
  readonly #reported = new Map<string, ReportedPowerState>();

  constructor(world: HostInstancesWorld, owning: Pick<OwnerWorld, 'machine' | 'publish'>) {
    this.#world = world;
    this.#owning = {
      ...owning,
      name: { host: world.name },
      bucket: world.bucket,
      clock: world.clock,
      logger: world.logger,
      onSettle: (owner) => this.#catchUp(owner),
      onRelease: (owner) => this.#release(owner),
    };
  }

  /** The scheduler has placed an instance here. A cast that is delivered again, or too late, changes nothing. */
  async run({ record, revision }: StoredInstance, context: CallContext): Promise<void> {
    const known = this.#owners.get(record.uuid);
    if (known && known.context.attempt >= attemptOf(record)) return;
    await known?.halt();
    this.#own(record, revision, context).start();
  }

  /** A client's command. A refusal is a receipt too: to deliver the cast again would not make it right. */
  async command(uuid: string, command: InstanceEvent, context: CallContext): Promise<Receipt> {
    try {
      const owner = await this.#ownerOf(uuid);
      // It happens now: how long the cast was on its way is no part of any deadline.
      return { revision: await owner.send({ ...command, at: this.#world.clock.now() }, context) };
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (failure.code === 'conflict') return { failure };
      throw thrown;
    }
  }

  /** Takes up what the records say is here, and tells each chart what its domain really does. */
  async reconcile(): Promise<void> {
    const { bucket, hypervisor, logger } = this.#world;
    const view = await openView(bucket, this.#world.clock);
    view.close();
    for (const { value, revision } of view.entries()) {
      if (this.#owners.has(value.uuid) || !this.#isOurs(value)) continue;
      try {
        this.#adopt(this.#own(value, revision));
      } catch (error) {
        logger.error({ uuid: value.uuid, error }, 'an instance cannot be taken up');
      }
    }
    const domains = new Map((await hypervisor.listDomains()).map((domain) => [domain.uuid, domain.powerState]));
    await Promise.all(
      [...this.#owners.values()].map(async (owner) => {
        await this.#tell(owner, domains.get(owner.uuid) ?? 'absent');
        if (owner.state === 'failed.releasing' && owner.context.isDeleteWanted) await this.#deleteAgain(owner);
      }),
    );
  }

  /** The hypervisor reports what a guest does. */
  report(uuid: string, powerState: ReportedPowerState): void {
    const owner = this.#owners.get(uuid);
    if (!owner) return;
    // What comes now is newer than what the chart could not hear before.
    this.#reported.delete(uuid);
    if (owner.accepts(this.#changeOf(powerState))) void this.#tell(owner, powerState);
    else if (owner.isBusy) this.#reported.set(uuid, powerState);
  }

  /** The hypervisor is being asked what the guest does: what it reported before is out of date. */
  forgetReport(uuid: string): void {
    this.#reported.delete(uuid);
  }

  /** Resolves when every chart stands where it is stored. */
  async halt(): Promise<void> {
    await Promise.all([...this.#owners.values()].map((owner) => owner.halt()));
  }

  #isOurs({ owner, chart }: Instance): boolean {
    return isSameOwner(owner, this.#owning.name) && chart.status === 'active';
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
    const stored = await this.#world.bucket.get(uuid);
    if (!stored || !isSameOwner(stored.value.owner, this.#owning.name)) {
      throw fail('conflict', `instance ${uuid} is not on host ${this.#world.name}`, { disposition: 'retry' });
    }
    // A deleted one is asked, refuses, and is forgotten again.
    if (!this.#isOurs(stored.value)) return new InstanceOwner(this.#owning, stored.value, stored.revision);
    // Two casts may have looked at the same time.
    const faster = this.#owners.get(uuid);
    if (faster) return faster;
    const owner = this.#own(stored.value, stored.revision);
    this.#adopt(owner);
    return owner;
  }

  /** Goes on with an instance of which this process knows only the record. */
  #adopt(owner: InstanceOwner): void {
    // Before it is claimed for, in `building`, there is nothing to book.
    if (holdsShare(owner.state) && !owner.state.startsWith('building')) {
      this.#world.claims.hold(owner.uuid, heldShare(owner.record));
    }
    if (owner.record.chart.children) owner.start();
  }

  /** A no-op for what the chart expects, or what a step under way brings about. */
  async #tell(owner: InstanceOwner, powerState: ReportedPowerState): Promise<void> {
    const event = this.#changeOf(powerState);
    if (!owner.accepts(event)) return;
    try {
      // What a guest does by itself is no part of what was asked for last, unless that is still under way.
      await owner.send(event, owner.isBusy ? owner.callContext : newContext());
    } catch (error) {
      // Lost: whoever has it now finds out by itself.
      if (toFailure(error).code !== 'conflict')
        this.#world.logger.error({ uuid: owner.uuid, error }, 'a domain changed');
    }
  }

  #changeOf(powerState: ReportedPowerState): InstanceEvent {
    return { type: 'domain.changed', powerState, at: this.#world.clock.now() };
  }

  #catchUp(owner: InstanceOwner): void {
    const powerState = this.#reported.get(owner.uuid);
    this.#reported.delete(owner.uuid);
    if (powerState !== undefined) void this.#tell(owner, powerState);
  }

  async #deleteAgain(owner: InstanceOwner): Promise<void> {
    try {
      await owner.send({ type: 'instance.delete', at: this.#world.clock.now() }, newContext());
    } catch (error) {
      this.#world.logger.warn({ uuid: owner.uuid, error }, 'a delete could not be tried again');
    }
  }

  #release(owner: InstanceOwner): void {
    if (this.#owners.get(owner.uuid) !== owner) return;
    this.#owners.delete(owner.uuid);
    this.#reported.delete(owner.uuid);
    this.#world.claims.release(owner.uuid);
    this.#world.specs.forget(owner.uuid);
  }
}

function attemptOf({ chart }: Instance): number {
  return Number(chart.context.attempt);
}
