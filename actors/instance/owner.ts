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
import { statePath, type VisibleStates, visibleStates } from '../../machines/instance-states.ts';
import { type Clock, sleep } from '../../transport/clock.ts';
import type { ChartSnapshot, Instance } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import { type CallContext, newContext } from '../../transport/nats/call-context.ts';
import { isStoreFull } from '../../transport/nats/store-answer.ts';
import type { Logger } from '../runtime/logger.ts';
import {
  type InstanceLogic,
  type InstanceSnapshot,
  ownerOf,
  persistSnapshot,
  presentRecord,
  restoreLive,
  restoreSettled,
} from './chart-snapshot.ts';
import { EffectRunner, type EffectSubject, registerRunner } from './effect-runner.ts';
import type { TransitionFact } from './facts.ts';
import { contextOf, stateOf } from './stored-chart.ts';

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
  /** Called when no effect is under way any more, and the instance stays this process's. */
  readonly onSettle?: (owner: InstanceOwner) => void;
  /** Called once, when the instance is no longer this process's: deleted, handed over, or taken. */
  readonly onRelease?: (owner: InstanceOwner) => void;
}

/** By what a client's command is known, and which one was the last that was taken when it was passed on, if any was. */
export interface CommandKey {
  readonly id: string;
  readonly after?: string | undefined;
}

/** How long a transition that no effect waits for may stay unstored (ms). */
const writeBehindMs = 50;

/** How long to wait before a store that does not answer is asked again (ms). */
const storeAwayMs = 500;

/** How long a process that stops waits for the store (ms). */
const haltMs = 5_000;

export class InstanceOwner implements EffectSubject {
  readonly #world: OwnerWorld;
  #record: Instance;
  /** 0: not stored yet. */
  #revision: number;
  #actor: Actor<InstanceLogic> | undefined;
  #effects: EffectRunner | undefined;
  /** Where the chart stands when it is ahead of the record, or may be. */
  #snapshot: InstanceSnapshot | undefined;
  /** What a client sees of where it stands. */
  #states: VisibleStates | undefined;
  #callContext: CallContext | undefined;
  /** Of what is being worked on, when it is what the guest did and nobody asked for. */
  #reason: string | undefined;
  /** The command that this owner has taken last. */
  #lastCommand: string | undefined;
  #isDirty = false;
  /** Why it is an owner no longer. */
  #lost: FailureError | undefined;
  #isHalting = false;
  #isReleased = false;
  #writing: Promise<void> | undefined;
  /** The charts that a store which did not answer may hold all the same. */
  #unanswered: ChartSnapshot[] | undefined;
  /** What has happened and is not stored yet: it is told when it is, and never when it is not. */
  #untold: Untold[] | undefined;
  #cancelWriteBehind: (() => void) | undefined;

  /** `revision` 0: a new instance, whose record is to be created by its first transition. */
  constructor(world: OwnerWorld, record: Instance, revision: number, callContext?: CallContext) {
    this.#callContext = callContext;
    this.#world = world;
    this.#record = record;
    this.#revision = revision;
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
  /** Of the request that is being worked on: one launch is one trace across all parts. */
  get callContext(): CallContext {
    this.#callContext ??= newContext();
    return this.#callContext;
  }
  get context(): InstanceContext {
    return this.#snapshot?.context ?? contextOf(this.#record);
  }
  get state(): string {
    return this.#snapshot ? statePath(this.#snapshot.value) : stateOf(this.#record);
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
   * `conflict` when the chart does not accept it in its present state. What it leads to is told as `context`'s. What
   * follows from it, as far as the chart accepts that then, is stored together with it.
   */
  async send(event: InstanceEvent, context?: CallContext, ...following: InstanceEvent[]): Promise<number> {
    return this.#hear(event, context, following);
  }

  /**
   * As `send`, for a client's command, which is taken once, and only as long as no other was taken than the one that it
   * comes after. One that was taken already is answered as it was then. A deletion is right whenever it comes.
   */
  async command(
    event: InstanceEvent,
    { id, after }: CommandKey,
    context: CallContext,
    ...following: InstanceEvent[]
  ): Promise<number> {
    const last = this.#lastCommand ?? this.#record.lastCommand;
    if (last !== id && (last === after || event.type === 'instance.delete')) {
      return this.#hear(event, context, following, id);
    }
    // Whoever looks again now finds what was taken.
    await this.durable();
    if (last === id) return this.#revision;
    throw fail('conflict', `instance ${this.uuid} was given another command meanwhile`, { disposition: 'retry' });
  }

  async #hear(
    event: InstanceEvent,
    context: CallContext | undefined,
    following: InstanceEvent[],
    command?: string,
  ): Promise<number> {
    if (this.#lost) throw this.#lost;
    if (!this.accepts(event)) throw refusal(this, event);
    if (command !== undefined) this.#lastCommand = command;
    if (context) this.#callContext = context;
    this.#reason = 'reason' in event ? event.reason : undefined;
    if (isCommand(event)) this.#tellCommand(event.type.slice(commandPrefix.length));
    this.#wake().send(event);
    for (const each of following) if (this.accepts(each)) this.#wake().send(each);
    this.#settleUnlessBusy();
    await this.durable();
    return this.#revision;
  }

  /** Whether the chart, as it stands, would take the event. */
  accepts(event: InstanceEvent): boolean {
    const { chart } = this.#record;
    const snapshot = this.#snapshot ?? restoreSettled(this.#world.machine, chart);
    return snapshot.status === 'active' && snapshot.can(event);
  }

  /** Resolves when all transitions so far are stored; rejects with `conflict` when this owner is one no longer. */
  async durable(): Promise<void> {
    while ((this.#isDirty || this.#writing) && !this.#lost) {
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
    if (this.#lost) throw this.#lost;
  }

  /** Whether the chart is as this owner has stored it, or may have: else another has taken the instance. */
  hasWritten(stored: ChartSnapshot): boolean {
    const last = this.#revision > 0 ? [this.#record.chart] : [];
    return [...last, ...(this.#unanswered ?? [])].some((chart) => isEqual(chart, stored));
  }

  /** What is stored is another's: that one goes on from there. */
  letGo(): boolean {
    if (isSameOwner(this.#record.owner, this.#world.name)) return false;
    this.#lose();
    return true;
  }

  /** Stops the chart where it stands, with what it has stored: another process, or this one later, goes on from there. */
  async halt(): Promise<void> {
    this.#isHalting = true;
    const stored = this.#lost ? undefined : this.durable().catch(() => undefined);
    // Without a store, what is not stored is done again by whoever comes after.
    const patience = new AbortController();
    await Promise.race([stored, sleep(this.#world.clock, haltMs, patience.signal)]);
    patience.abort();
    this.#lose();
    await this.#effects?.idle();
  }

  #wake(): Actor<InstanceLogic> {
    if (this.#actor) return this.#actor;
    const { machine, clock, logger } = this.#world;
    const chart = this.#snapshot ? persistSnapshot(this.#snapshot) : this.#record.chart;
    // A restored chart takes no input, which the type of the options does not know.
    const actor = createActor(machine, { snapshot: restoreLive(chart, this.now()) } as never);
    this.#actor = actor;
    this.#snapshot = actor.getSnapshot();
    this.#states ??= this.#record;
    this.#effects ??= new EffectRunner(this, clock, logger);
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
    if (this.#lost) return;
    if (snapshot === this.#snapshot) {
      // One that has just been woken for an event has nothing under way either.
      if (Object.keys(snapshot.children).length > 0) this.#settleUnlessBusy();
      return;
    }
    const from = this.state;
    const { context } = this;
    this.#snapshot = snapshot;
    const to = this.state;
    this.#states = visibleStates(to, snapshot.context, this.#states ?? this.#record);
    if (from !== to) this.#happened('transition', from);
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
    this.#happened(type);
  }

  #tellCommand(command: string): void {
    this.#happened('command', undefined, command);
  }

  #happened(type: string, from?: string, command?: string): void {
    const { context, callContext } = this;
    const reason = this.#reason;
    const states = this.#states ?? this.#record;
    this.#untold ??= [];
    this.#untold.push({
      type,
      from,
      to: this.state,
      at: this.now(),
      states,
      context,
      callContext,
      ...(command !== undefined && { command }),
      ...(reason !== undefined && { reason }),
    });
  }

  /** A chart without an effect under way has nothing to wait for: its actor goes, its record stays. */
  #settleUnlessBusy(): void {
    const snapshot = this.#snapshot;
    if (!this.#actor || !snapshot || Object.values(snapshot.children).some(isUnderWay)) return;
    this.#actor.stop();
    this.#actor = undefined;
    this.#cancelWriteBehind?.();
    this.#cancelWriteBehind = undefined;
    this.#storeInBackground();
    if (isSameOwner(ownerOf(snapshot), this.#world.name)) this.#world.onSettle?.(this);
  }

  #storeInBackground(): void {
    this.durable().then(
      () => {
        this.#rest();
        this.#releaseIfGone();
      },
      // Lost: whoever has it now stores what happens to it.
      () => undefined,
    );
  }

  /** What has settled and is stored is its record, and holds on to nothing else. */
  #rest(): void {
    if (this.#actor || this.#isDirty) return;
    this.#snapshot = undefined;
    this.#states = undefined;
    this.#callContext = undefined;
    this.#reason = undefined;
    this.#lastCommand = undefined;
    // A host keeps it: as it would be read from the store, because what was put together step by step takes more room.
    if (this.#world.name !== 'control') this.#record = JSON.parse(JSON.stringify(this.#record));
    const effects = this.#effects;
    // One whose state was left may still be at work, and what comes next has to wait for it.
    void effects?.idle().then(() => {
      if (!this.#actor && this.#effects === effects) this.#effects = undefined;
    });
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
    const untold = this.#untold ?? [];
    this.#untold = undefined;
    const record = this.#present();
    try {
      const revision =
        this.#revision === 0
          ? await bucket.create(record.uuid, record)
          : await bucket.update(record.uuid, record, this.#revision);
      if (revision === conflict) await this.#resolveConflict();
      else this.#take(record, revision);
    } catch (error) {
      // What nobody has heard of yet need not come to be.
      if (this.#revision === 0 && !this.#unanswered && isStoreFull(error)) return this.#lose(error);
      this.#unanswered = [...(this.#unanswered ?? []), record.chart];
      await this.#afterFailedWrite(error);
    }
    if (this.#isDirty) this.#untold = [...untold, ...(this.#untold ?? [])];
    // Under the name that the instance has by now: a client may have changed it.
    else if (!this.#lost) for (const fact of untold) this.#world.publish({ ...fact, record: this.#record });
  }

  #take(record: Instance, revision: number): void {
    this.#record = record;
    this.#revision = revision;
    this.#unanswered = undefined;
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
    if (stored && this.hasWritten(stored.value.chart)) {
      this.#take(stored.value, stored.revision);
      this.#isDirty = true;
    } else {
      this.#world.logger.warn({ uuid: this.uuid, owner: stored?.value.owner }, 'an instance was taken over');
      this.#lose();
    }
  }

  #lose(reason = fail('conflict', `instance ${this.uuid} has another owner now`)): void {
    this.#lost = reason;
    this.#cancelWriteBehind?.();
    this.#actor?.stop();
    this.#actor = undefined;
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#world.onRelease?.(this);
  }

  /** The record as the chart now wants it. */
  #present(): Instance {
    const { machine } = this.#world;
    const { vmState, powerState } = this.#states ?? this.#record;
    const snapshot = this.#snapshot ?? restoreSettled(machine, this.#record.chart);
    const taken = this.#lastCommand !== undefined && { lastCommand: this.#lastCommand };
    return presentRecord(snapshot, { ...this.#record, vmState, powerState, ...taken }, this.now());
  }
}

/** What has happened to an instance, but for the record that will say so. */
type Untold = Omit<TransitionFact, 'record'>;

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

function isUnderWay(child: InstanceSnapshot['children'][string]): boolean {
  return child?.getSnapshot().status === 'active';
}

export function isSameOwner(a: OwnerName, b: OwnerName): boolean {
  return a === 'control' || b === 'control' ? a === b : a.host === b.host;
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
