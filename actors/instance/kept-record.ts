/**
 * The record of one instance, kept in step with its chart: what it is in the store, and what is ahead of that, which is
 * where the chart stands and what has happened, until it is stored.
 *
 * Its revision is the fence: a write that comes too late tells an owner that it is one no longer. A store that does not
 * answer is asked until it does, and may meanwhile hold what it was given.
 */
import { FailureError, fail, toFailure } from '../../machines/failure.ts';
import type { InstanceContext } from '../../machines/instance.ts';
import { statePath, type VisibleStates, visibleStates } from '../../machines/instance-states.ts';
import { type Clock, sleep } from '../../transport/clock.ts';
import type { CallContext } from '../../transport/messages/call-context.ts';
import type { ChartSnapshot, Instance } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { isStoreFull } from '../../transport/nats/store-answer.ts';
import type { Logger } from '../runtime/logger.ts';
import { type InstanceSnapshot, persistSnapshot, presentRecord, restoreSettled } from './chart-snapshot.ts';
import { factOf, type TransitionFact } from './facts.ts';
import type { InstanceStore } from './instance-store.ts';
import { ownedMachine } from './owned-machine.ts';
import { isSameOwner, type OwnerName } from './owner-name.ts';
import { contextOf, stateOf } from './stored-chart.ts';

/** What the records of a process share. */
export interface RecordWorld {
  readonly name: OwnerName;
  readonly store: InstanceStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether the process stops: a store that does not answer is then waited for no longer. */
  readonly isStopping?: () => boolean;
}

/** What has happened to an instance, but for the record that will say so. */
interface UntoldFact extends Omit<TransitionFact, 'record'> {
  id: string;
}

/** How long to wait before a store that does not answer is asked again, at first and at most (ms). */
const storeAwayMs = 500;
const storeAwayLongMs = 5_000;

/** How long the store is asked to take a new record (ms). */
const newMs = 5_000;

/** How long a process that stops waits for the store (ms). */
const haltMs = 5_000;

export class KeptRecord {
  readonly #world: RecordWorld;
  readonly #onLost: () => void;
  #value: Instance;
  /** 0: not stored yet. */
  #revision: number;
  #ahead: InstanceSnapshot | undefined;
  #states: VisibleStates | undefined;
  #callContext: CallContext | undefined;
  #reason: string | undefined;
  #lastCommand: string | undefined;
  #isDirty: boolean;
  /** When the chart came to stand where it does: the clock may be put back before that is stored. */
  #movedAt = 0;
  #lost: FailureError | undefined;
  #isHalting = false;
  #writing: Promise<void> | undefined;
  /** The charts that a store which did not answer may hold all the same. */
  #unanswered: ChartSnapshot[] | undefined;
  /** What has happened and is not stored yet: it is told when it is, and never when it is not. */
  #untold: UntoldFact[] | undefined;
  #factCount = 0;
  /** How often in a row the store did not answer. */
  #tries = 0;

  /** `revision` 0: it is to be created. `onLost` is called at once when the instance is this owner's no longer. */
  constructor(world: RecordWorld, value: Instance, revision: number, onLost: () => void) {
    this.#world = world;
    this.#onLost = onLost;
    this.#value = value;
    this.#revision = revision;
    this.#isDirty = revision === 0;
  }

  /** As it was stored last, or is to be created. */
  get value(): Instance {
    return this.#value;
  }
  get revision(): number {
    return this.#revision;
  }
  /** Where the chart stands when it is ahead of what is stored, or may be. */
  get ahead(): InstanceSnapshot | undefined {
    return this.#ahead;
  }
  get context(): InstanceContext {
    return this.#ahead?.context ?? contextOf(this.#value);
  }
  get state(): string {
    return this.#ahead ? statePath(this.#ahead.value) : stateOf(this.#value);
  }
  /** What a client sees of where the chart stands. */
  get states(): VisibleStates {
    return this.#states ?? this.#value;
  }
  /** Of the request that is being worked on. */
  get callContext(): CallContext {
    this.#callContext ??= newContext();
    return this.#callContext;
  }
  /** The client's command that was taken last. */
  get lastCommand(): string | undefined {
    return this.#lastCommand ?? this.#value.lastCommand;
  }
  /** Whether something has changed that no write has taken up yet. */
  get isDirty(): boolean {
    return this.#isDirty;
  }
  /** Why its owner is one no longer. */
  get lost(): FailureError | undefined {
    return this.#lost;
  }

  /** The chart as it stands, to ask what it can. */
  snapshot(): InstanceSnapshot {
    return this.#ahead ?? restoreSettled(ownedMachine, this.#value.chart);
  }

  /** The chart as it stands, as data. */
  chart(): ChartSnapshot {
    return this.#ahead ? persistSnapshot(this.#ahead) : this.#value.chart;
  }

  /** The chart runs from here on, where it stood. */
  goOnFrom(snapshot: InstanceSnapshot): void {
    this.#states = this.states;
    this.#ahead = snapshot;
  }

  /** What happens now is of that request; for that reason, if nobody asked; by that command, if a client did. */
  workOn(context: CallContext | undefined, reason?: string, command?: string): void {
    if (context) this.#callContext = context;
    this.#reason = reason;
    this.#lastCommand = command ?? this.#lastCommand;
  }

  /** The chart stands somewhere else now. */
  move(snapshot: InstanceSnapshot): void {
    const { state: from, context } = this;
    this.#ahead = snapshot;
    this.#movedAt = this.#world.clock.now();
    const to = this.state;
    this.#states = visibleStates(to, snapshot.context, this.states);
    if (from !== to) this.tell('transition', from);
    if (from !== to || context !== snapshot.context) this.#isDirty = true;
  }

  tellCommand(command: string): void {
    this.tell('command', undefined, command);
  }

  /** What is told of it is told when it is stored. */
  tell(type: string, from?: string, command?: string): void {
    const { state: to, states, context, callContext } = this;
    const reason = this.#reason;
    const at = this.#world.clock.now();
    this.#factCount += 1;
    this.#untold ??= [];
    this.#untold.push({
      // No other owner tells anything of what followed this revision.
      id: `${this.#revision}.${at}.${this.#factCount}`,
      type,
      from,
      to,
      at,
      states,
      context,
      callContext,
      ...(command !== undefined && { command }),
      ...(reason !== undefined && { reason }),
    });
  }

  /** Nothing is ahead of what is stored any more. */
  rest(): void {
    this.#ahead = undefined;
    this.#states = undefined;
    this.#callContext = undefined;
    this.#reason = undefined;
    this.#lastCommand = undefined;
  }

  /** As it would be read from the store: what was put together step by step takes more room. */
  compact(): void {
    this.#value = JSON.parse(JSON.stringify(this.#value));
  }

  /** Resolves when all that has changed so far is stored; rejects with why not, when this owner never will. */
  async durable(): Promise<void> {
    while ((this.#isDirty || this.#writing) && !this.#lost) {
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
    if (this.#lost) throw this.#lost;
  }

  /** Whether the chart is as it was stored here, or may have been: else another has taken the instance. */
  hasWritten(stored: ChartSnapshot): boolean {
    const last = this.#revision > 0 ? [this.#value.chart] : [];
    return [...last, ...(this.#unanswered ?? [])].some((chart) => isEqual(chart, stored));
  }

  /** Stores nothing more. */
  giveUp(reason = fail('conflict', `instance ${this.#value.uuid} has another owner now`)): void {
    this.#lost = reason;
    this.#onLost();
  }

  /** Gives up when all is stored. Without a store, what is not is done again by whoever comes after. */
  async halt(): Promise<void> {
    this.#isHalting = true;
    const stored = this.#lost ? undefined : this.durable().catch(() => undefined);
    const patience = new AbortController();
    await Promise.race([stored, sleep(this.#world.clock, haltMs, patience.signal)]);
    patience.abort();
    this.giveUp();
  }

  async #write(): Promise<void> {
    this.#isDirty = false;
    const untold = this.#untold ?? [];
    this.#untold = undefined;
    const record = this.#present();
    const before = this.#unanswered;
    // Already now: what comes twice is stored once, and the other answer may be heard first.
    if (!before?.some((chart) => isEqual(chart, record.chart))) this.#unanswered = [...(before ?? []), record.chart];
    try {
      const facts = untold.map(({ id, ...fact }) => ({ id, fact: factOf({ ...fact, record }) }));
      const revision = await this.#world.store.store(record, this.#revision, facts, this.callContext);
      if (revision !== conflict) {
        this.#tries = 0;
        return this.#take(record, revision);
      }
      await this.#resolveConflict();
    } catch (error) {
      if ((!before && this.#isRefused(error)) || this.#isTooLate(error)) return this.giveUp(error);
      await this.#afterFailedWrite(error);
    }
    this.#untold = [...untold, ...(this.#untold ?? [])];
  }

  /** What nobody has heard of yet need not come to be. */
  #isRefused(error: unknown): error is FailureError {
    return this.#revision === 0 && isStoreFull(error);
  }

  /** Whoever wants something new would soon be gone; should the store have it all the same, it is found there. */
  #isTooLate(error: unknown): error is FailureError {
    const { clock } = this.#world;
    return this.#revision === 0 && clock.now() - this.#value.createdAt >= newMs && error instanceof FailureError;
  }

  /** The record as the chart now wants it. */
  #present(): Instance {
    const { vmState, powerState } = this.states;
    const taken = this.#lastCommand !== undefined && { lastCommand: this.#lastCommand };
    const at = Math.max(this.#world.clock.now(), this.#movedAt);
    return presentRecord(this.snapshot(), { ...this.#value, vmState, powerState, ...taken }, at);
  }

  #take(value: Instance, revision: number): void {
    this.#value = value;
    this.#revision = revision;
    this.#unanswered = undefined;
  }

  /**
   * Somebody wrote in between: it is still ours when the life in the store is the one that we last stored, or one that
   * we wrote without being answered. What a client may edit is then the store's; the life is ours. A host has given out of
   * its hands what is the control plane's by then, which goes on with it.
   */
  async #resolveConflict(): Promise<void> {
    const { uuid } = this.#value;
    const { store, name } = this.#world;
    const stored = await store.get(uuid);
    const mayBeOurs = stored && (name === 'control' || isSameOwner(stored.value.owner, name));
    if (mayBeOurs && this.hasWritten(stored.value.chart)) {
      this.#take(stored.value, stored.revision);
      this.#isDirty = true;
    } else {
      this.#world.logger.warn({ uuid, owner: stored?.value.owner }, 'an instance was taken over');
      this.giveUp();
    }
  }

  /** A store that does not answer is asked again until it does, or the process stops; anything else is a bug. */
  async #afterFailedWrite(error: unknown): Promise<void> {
    const { logger } = this.#world;
    const isBug = error instanceof TypeError || toFailure(error).code === 'invalid_request';
    const level = isBug ? 'error' : this.#tries++ === 0 ? 'warn' : 'debug';
    logger[level]({ uuid: this.#value.uuid, error }, 'an instance could not be stored');
    if (isBug || this.#isHalting || this.#world.isStopping?.()) return this.giveUp();
    this.#isDirty = true;
    await this.#pause();
  }

  /** Longer each time. */
  #pause(): Promise<void> {
    const ms = Math.min(storeAwayMs * 2 ** (this.#tries - 1), storeAwayLongMs);
    return sleep(this.#world.clock, ms);
  }
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
