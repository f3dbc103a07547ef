/**
 * Owns one instance: runs its chart, and keeps its record in step with it.
 *
 * Persist, then act: an effect waits until the transition that began it is stored. The record's revision is the
 * fence: a write that comes too late tells an owner that it is one no longer, and it stops its chart and touches
 * nothing more. An actor lives only while an effect is under way; a settled instance is its record.
 */
import { type Actor, createActor } from 'xstate';
import { type FailureError, fail, toFailure } from '../../machines/failure.ts';
import type { InstanceContext, InstanceEvent, InstanceNotification } from '../../machines/instance.ts';
import { statePath } from '../../machines/instance-states.ts';
import type { ChartSnapshot, Instance } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import { type CallContext, newContext } from '../../transport/nats/call-context.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import {
  type InstanceLogic,
  type InstanceSnapshot,
  persistSnapshot,
  presentRecord,
  restoreLive,
  restoreSettled,
} from './chart-snapshot.ts';
import { EffectRunner, type EffectSubject, registerRunner } from './effect-runner.ts';
import type { TransitionFact } from './facts.ts';

/** Who a process is, as an owner. */
export type OwnerName = Instance['owner'];

/** What the owners of a process share. */
export interface OwnerWorld {
  readonly name: OwnerName;
  readonly machine: InstanceLogic;
  readonly bucket: Bucket<Instance>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly publish: (fact: TransitionFact) => void;
  /** Whether the process stops: a store that does not answer is then waited for no longer. */
  readonly isStopping?: () => boolean;
  /** Called when no effect is under way any more. */
  readonly onSettle?: (owner: InstanceOwner) => void;
  /** Called once, when the instance is no longer this process's: deleted, handed over, or taken. */
  readonly onRelease?: (owner: InstanceOwner) => void;
}

/** How long a transition that no effect waits for may stay unstored (ms). */
const writeBehindMs = 50;

/** How long to wait before a store that does not answer is asked again (ms). */
const storeAwayMs = 500;

/** How long a process that stops waits for the store (ms). */
const haltMs = 5_000;

export class InstanceOwner implements EffectSubject {
  /** Of the request that is being worked on: one launch is one trace across all parts. */
  callContext: CallContext;
  readonly #world: OwnerWorld;
  #record: Instance;
  /** 0: not stored yet. */
  #revision: number;
  #actor: Actor<InstanceLogic> | undefined;
  #snapshot: InstanceSnapshot;
  /** Whether the snapshot is ahead of the record's chart, or may be. */
  #hasLived = false;
  #isDirty = false;
  #isLost = false;
  #isHalting = false;
  #isReleased = false;
  #writing: Promise<void> | undefined;
  /** The charts that a store which did not answer may hold all the same. */
  #unanswered: ChartSnapshot[] = [];
  /** What has happened and is not stored yet: it is told when it is, and never when it is not. */
  #untold: TransitionFact[] = [];
  #cancelWriteBehind: (() => void) | undefined;
  readonly #effects: EffectRunner;

  /** `revision` 0: a new instance, whose record is to be created by its first transition. */
  constructor(world: OwnerWorld, record: Instance, revision: number, callContext: CallContext = newContext()) {
    this.callContext = callContext;
    this.#world = world;
    this.#effects = new EffectRunner(this, world.clock, world.logger);
    this.#record = record;
    this.#revision = revision;
    this.#snapshot = restoreSettled(world.machine, record.chart);
    this.#isDirty = revision === 0;
    if (revision === 0) this.#tellCommand('create');
  }

  get uuid(): string {
    return this.#record.uuid;
  }
  /** What was asked for; its chart may be behind `context`. */
  get record(): Instance {
    return this.#record;
  }
  get revision(): number {
    return this.#revision;
  }
  get context(): InstanceContext {
    return this.#snapshot.context;
  }
  get state(): string {
    return statePath(this.#snapshot.value);
  }
  /** Whether an effect is under way. */
  get isBusy(): boolean {
    return this.#actor !== undefined;
  }
  now(): number {
    return this.#world.clock.now();
  }

  /** Lets the effects of the current state run (again). For a new owner, and after a restart. */
  start(): void {
    this.#wake();
    this.#settleUnlessBusy();
  }

  /**
   * Sends an event to the chart, and resolves with the revision at which its consequence is stored. Rejects with
   * `conflict` when the chart does not accept it in its present state. What it leads to is told as `context`'s.
   */
  async send(event: InstanceEvent, context: CallContext = this.callContext): Promise<number> {
    if (this.#isLost) throw fail('conflict', `instance ${this.uuid} has another owner now`);
    if (this.#snapshot.status !== 'active' || !this.#snapshot.can(event)) throw refusal(this, event);
    this.callContext = context;
    if (isCommand(event)) this.#tellCommand(event.type.slice(commandPrefix.length));
    this.#wake().send(event);
    this.#settleUnlessBusy();
    await this.durable();
    return this.#revision;
  }

  /** Resolves when all transitions so far are stored; rejects with `conflict` when this owner is one no longer. */
  async durable(): Promise<void> {
    while ((this.#isDirty || this.#writing) && !this.#isLost) {
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
    if (this.#isLost) throw fail('conflict', `instance ${this.uuid} has another owner now`);
  }

  /** Stops the chart where it stands, with what it has stored: another process, or this one later, goes on from there. */
  async halt(): Promise<void> {
    this.#isHalting = true;
    const stored = this.#isLost ? undefined : this.durable().catch(() => undefined);
    // Without a store, what is not stored is done again by whoever comes after.
    const patience = new AbortController();
    await Promise.race([stored, sleep(this.#world.clock, haltMs, patience.signal)]);
    patience.abort();
    this.#lose();
    await this.#effects.idle();
  }

  #wake(): Actor<InstanceLogic> {
    if (this.#actor) return this.#actor;
    // A restored chart takes no input, which the type of the options does not know.
    const chart = this.#hasLived ? persistSnapshot(this.#world.machine, this.#snapshot) : this.#record.chart;
    const actor = createActor(this.#world.machine, { snapshot: restoreLive(chart, this.now()) } as never);
    this.#actor = actor;
    this.#hasLived = true;
    this.#snapshot = actor.getSnapshot();
    registerRunner(actor.system, this.#effects);
    actor.on('*', (notification) => this.#notify(notification));
    actor.subscribe({
      next: (snapshot) => this.#changed(snapshot),
      error: (error) => this.#world.logger.error({ uuid: this.uuid, error }, 'an instance chart broke'),
    });
    actor.start();
    return actor;
  }

  #changed(snapshot: InstanceSnapshot): void {
    if (snapshot === this.#snapshot || this.#isLost) return;
    const from = this.state;
    const { context } = this;
    this.#snapshot = snapshot;
    const to = this.state;
    if (from !== to) this.#untold.push(this.#fact('transition', from, to));
    if (from !== to || context !== snapshot.context) this.#isDirty = true;
    this.#settleUnlessBusy();
    if (this.#actor && this.#isDirty) {
      this.#cancelWriteBehind ??= this.#world.clock.after(writeBehindMs, () => {
        this.#cancelWriteBehind = undefined;
        this.#storeInBackground();
      });
    }
  }

  #notify({ type }: InstanceNotification): void {
    this.#untold.push(this.#fact(type, undefined, this.state));
  }

  #tellCommand(command: string): void {
    this.#untold.push({ ...this.#fact('command', undefined, this.state), command });
  }

  #fact(type: string, from: string | undefined, to: string): TransitionFact {
    const { context, callContext } = this;
    return { type, from, to, at: this.now(), record: this.#record, context, callContext };
  }

  /** A chart without an effect under way has nothing to wait for: its actor goes, its record stays. */
  #settleUnlessBusy(): void {
    const isBusy = Object.values(this.#snapshot.children).some((child) => child?.getSnapshot().status === 'active');
    if (isBusy || !this.#actor) return;
    this.#actor.stop();
    this.#actor = undefined;
    // A snapshot of the actor would hold on to it, and to the effects that it ran.
    const { value, context, status } = this.#snapshot;
    this.#snapshot = this.#world.machine.resolveState({ value, context, status });
    this.#cancelWriteBehind?.();
    this.#cancelWriteBehind = undefined;
    this.#storeInBackground();
    this.#world.onSettle?.(this);
  }

  #storeInBackground(): void {
    this.durable().then(
      () => this.#releaseIfGone(),
      // Lost: whoever has it now stores what happens to it.
      () => undefined,
    );
  }

  #releaseIfGone(): void {
    const isGone = this.#record.chart.status === 'done' || !isSameOwner(this.#record.owner, this.#world.name);
    if (this.#actor || this.#isDirty || this.#isReleased || !isGone) return;
    this.#isReleased = true;
    this.#world.onRelease?.(this);
  }

  async #write(): Promise<void> {
    const { bucket } = this.#world;
    this.#isDirty = false;
    const untold = this.#untold;
    this.#untold = [];
    const record = this.#present();
    try {
      const revision =
        this.#revision === 0
          ? await bucket.create(record.uuid, record)
          : await bucket.update(record.uuid, record, this.#revision);
      if (revision === conflict) await this.#resolveConflict();
      else this.#take(record, revision);
    } catch (error) {
      this.#unanswered.push(record.chart);
      await this.#afterFailedWrite(error);
    }
    if (this.#isDirty) this.#untold.unshift(...untold);
    else if (!this.#isLost) for (const fact of untold) this.#tell(fact);
  }

  /** Under the name that the instance has by now: a client may have changed it. */
  #tell(fact: TransitionFact): void {
    this.#world.publish({ ...fact, record: { ...fact.record, name: this.#record.name } });
  }

  #take(record: Instance, revision: number): void {
    this.#record = record;
    this.#revision = revision;
    this.#unanswered = [];
  }

  /** A store that does not answer is asked again until it does, or the process stops; anything else is a bug. */
  async #afterFailedWrite(error: unknown): Promise<void> {
    const { clock, logger } = this.#world;
    const isBug = error instanceof TypeError || toFailure(error).code === 'invalid_request';
    logger[isBug ? 'error' : 'warn']({ uuid: this.uuid, error }, 'an instance could not be stored');
    if (isBug || this.#isHalting || this.#world.isStopping?.()) return this.#lose();
    this.#isDirty = true;
    await sleep(clock, storeAwayMs);
  }

  /**
   * Somebody wrote in between: it is still ours when the life in the store is the one that we last stored, or one that
   * we wrote without being answered. What a client may edit is then the store's; the life is ours.
   */
  async #resolveConflict(): Promise<void> {
    const stored = await this.#world.bucket.get(this.uuid);
    const ours = this.#revision > 0 ? [this.#record.chart, ...this.#unanswered] : this.#unanswered;
    if (stored && ours.some((chart) => isEqual(chart, stored.value.chart))) {
      this.#take(stored.value, stored.revision);
      this.#isDirty = true;
    } else {
      this.#world.logger.warn({ uuid: this.uuid, owner: stored?.value.owner }, 'an instance was taken over');
      this.#lose();
    }
  }

  #lose(): void {
    this.#isLost = true;
    this.#cancelWriteBehind?.();
    this.#actor?.stop();
    this.#actor = undefined;
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#world.onRelease?.(this);
  }

  /** The record as the chart now wants it. */
  #present(): Instance {
    const record = { ...this.#record, updatedAt: this.now() };
    return presentRecord(this.#world.machine, this.#snapshot, record, this.#world.name);
  }
}

const commandPrefix = 'instance.';

/** Whether a client asked for it. */
function isCommand({ type }: InstanceEvent): boolean {
  return type.startsWith(commandPrefix) && type !== 'instance.scheduled';
}

function refusal(owner: InstanceOwner, event: InstanceEvent): FailureError {
  return fail('conflict', `instance ${owner.uuid} is ${owner.state}: ${event.type} is not possible now`, {
    details: { state: owner.state, event: event.type },
  });
}

export function isSameOwner(a: OwnerName, b: OwnerName): boolean {
  return a === 'control' || b === 'control' ? a === b : a.host === b.host;
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
