/**
 * Owns one instance: runs its chart, and has its record kept in step with it.
 *
 * Persist, then act: an effect waits until the transition that began it is stored. An owner that is one no longer stops
 * its chart and touches nothing more. An actor lives only while an effect is under way; a settled instance is its
 * record.
 */
import { type Actor, createActor } from 'xstate';
import { type FailureError, fail } from '../../machines/failure.ts';
import type { InstanceContext, InstanceEvent } from '../../machines/instance.ts';
import type { CallContext } from '../../transport/messages/call-context.ts';
import type { ChartSnapshot, Instance } from '../../transport/messages/records.ts';
import type { Inspection } from '../runtime/inspection.ts';
import type { Inspected } from '../runtime/machine-teller.ts';
import { type InstanceLogic, type InstanceSnapshot, ownerOf, restoreLive, stepsOf } from './chart-snapshot.ts';
import { EffectRunner, type EffectSubject, type EffectWorld, registerRunner } from './effect-runner.ts';
import { KeptRecord, type RecordWorld } from './kept-record.ts';
import { ownedMachine } from './owned-machine.ts';
import { isSameOwner } from './owner-name.ts';
import { isKnown, stateOf } from './stored-chart.ts';

/** What the owners of a process share. */
export interface OwnerWorld extends RecordWorld, EffectWorld {
  /** Who shows the charts to those who watch. */
  readonly inspection?: Inspection | undefined;
  /** Called when no effect is under way any more, and the instance stays this process's. */
  readonly onSettle?: (owner: InstanceOwner) => void;
  /** Called once, when the instance is no longer this process's: deleted, handed over, or taken. */
  readonly onRelease?: (owner: InstanceOwner) => void;
}

/** By what a client's command is known, and how the instance stood for which it was asked. */
export interface CommandKey {
  readonly id: string;
  /** The state of its chart. Absent: it is not told, and none is that. */
  readonly from?: string;
  /**
   * How often a step of its life was stored: it may come back to the state, and is not the same any more. After a store has
   * lost its last writes they are counted again, for which the others are told, too. Absent: as that of the state.
   */
  readonly steps?: number;
  /** The command that was taken last. Absent: none was. */
  readonly after?: string;
}

/** Of a command that is asked of the instance as it is in the store. */
export function commandKey(id: string, record: Instance): CommandKey {
  const { lastCommand: after } = record;
  return { id, from: stateOf(record), steps: stepsOf(record), ...(after !== undefined && { after }) };
}

/** How long a transition that no effect waits for may stay unstored (ms). */
const writeBehindMs = 50;

export class InstanceOwner implements EffectSubject, Inspected {
  readonly #world: OwnerWorld;
  readonly #record: KeptRecord;
  #actor: Actor<InstanceLogic> | undefined;
  #effects: EffectRunner | undefined;
  #isReleased = false;
  #cancelWriteBehind: (() => void) | undefined;

  /** `revision` 0: a new instance, whose record is to be created by its first transition. */
  constructor(world: OwnerWorld, record: Instance, revision: number, callContext?: CallContext) {
    this.#world = world;
    this.#record = new KeptRecord(world, record, revision, () => this.#stop());
    this.#record.workOn(callContext);
    if (revision === 0) this.#record.tellCommand('create');
  }

  get uuid(): string {
    return this.#record.value.uuid;
  }
  /** What was asked for; its chart may be behind `context`. */
  get record(): Instance {
    return this.#record.value;
  }
  get revision(): number {
    return this.#record.revision;
  }
  /** Of the request that is being worked on: one launch is one trace across all parts. */
  get callContext(): CallContext {
    return this.#record.callContext;
  }
  get context(): InstanceContext {
    return this.#record.context;
  }
  get state(): string {
    return this.#record.state;
  }
  get inspectedAs(): Inspected['inspectedAs'] {
    return `instance/${this.uuid}`;
  }
  /** As it stands, which may be ahead of what is stored. */
  get chart(): ChartSnapshot {
    return this.#record.chart();
  }
  /** Whether an effect is under way. */
  get isBusy(): boolean {
    return this.#actor !== undefined;
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
   * As `send`, for a client's command, which is taken once, and only as long as no owner has stored anything since it was
   * asked, whatever a client has edited: what was refused is refused again, however late it comes, also when the instance is
   * back in the state that it was asked for in. One that was taken already is answered as it was then. A deletion is right
   * whenever it comes.
   */
  async command(
    event: InstanceEvent,
    { id, from, steps, after }: CommandKey,
    context: CallContext,
    ...following: InstanceEvent[]
  ): Promise<number> {
    const last = this.#record.lastCommand;
    const isAsAsked = last === after && this.state === from && stepsOf(this.record) === steps;
    if (last !== id && (isAsAsked || event.type === 'instance.delete')) {
      return this.#hear(event, context, following, id);
    }
    // Whoever looks again now finds what was taken, and where it stands.
    await this.durable();
    if (last === id) return this.revision;
    throw fail('conflict', `instance ${this.uuid} has moved on since this was asked of it`, { disposition: 'retry' });
  }

  async #hear(
    event: InstanceEvent,
    context: CallContext | undefined,
    following: InstanceEvent[],
    command?: string,
  ): Promise<number> {
    if (this.#record.lost) throw this.#record.lost;
    if (!this.accepts(event)) throw refusal(this, event);
    this.#record.workOn(context, 'reason' in event ? event.reason : undefined, command);
    if (isCommand(event)) this.#record.tellCommand(event.type.slice(commandPrefix.length));
    this.#wake().send(event);
    for (const each of following) if (this.accepts(each)) this.#wake().send(each);
    this.#settleUnlessBusy();
    await this.durable();
    return this.revision;
  }

  /** Whether the chart, as it stands, would take the event: one that is not known takes none. */
  accepts(event: InstanceEvent): boolean {
    if (!this.#actor && !isKnown(this.record)) return false;
    const snapshot = this.#record.snapshot();
    return snapshot.status === 'active' && snapshot.can(event);
  }

  /** Resolves when all transitions so far are stored; rejects with why, when this owner is one no longer. */
  durable(): Promise<void> {
    return this.#record.durable();
  }

  /** Whether the chart is as this owner has stored it, or may have: else another has taken the instance. */
  hasWritten(chart: ChartSnapshot): boolean {
    return this.#record.hasWritten(chart);
  }

  /** What is stored is another's: that one goes on from there. */
  letGo(): boolean {
    if (isSameOwner(this.record.owner, this.#world.name)) return false;
    this.#record.giveUp();
    return true;
  }

  /** Stops the chart where it stands, with what it has stored: another process, or this one later, goes on from there. */
  async halt(): Promise<void> {
    await this.#record.halt();
    await this.#effects?.idle();
  }

  #wake(): Actor<InstanceLogic> {
    if (this.#actor) return this.#actor;
    const { clock } = this.#world;
    // A restored chart takes no input, which the type of the options does not know.
    const actor = createActor(ownedMachine, { snapshot: restoreLive(this.#record.chart(), clock.now()) } as never);
    this.#actor = actor;
    this.#record.goOnFrom(actor.getSnapshot());
    this.#effects ??= new EffectRunner(this, this.#world);
    registerRunner(actor.system, this.#effects);
    actor.on('*', ({ type }) => this.#record.tell(type));
    actor.subscribe({
      next: (snapshot) => this.#changed(snapshot),
      error: (error) => this.#world.logger.error({ uuid: this.uuid, error }, 'an instance chart broke'),
    });
    actor.start();
    this.#world.inspection?.wakes(this, actor);
    return actor;
  }

  #changed(snapshot: InstanceSnapshot): void {
    if (this.#record.lost) return;
    if (snapshot === this.#record.ahead) {
      // One that has just been woken for an event has nothing under way either.
      if (Object.keys(snapshot.children).length > 0) this.#settleUnlessBusy();
      return;
    }
    this.#record.move(snapshot);
    this.#settleUnlessBusy();
    if (this.#actor && this.#record.isDirty) {
      this.#cancelWriteBehind ??= this.#world.clock.after(writeBehindMs, () => {
        this.#cancelWriteBehind = undefined;
        this.#storeInBackground();
      });
    }
  }

  /** A chart without an effect under way has nothing to wait for: its actor goes, its record stays. */
  #settleUnlessBusy(): void {
    const snapshot = this.#record.ahead;
    if (!this.#actor || !snapshot || Object.values(snapshot.children).some(isUnderWay)) return;
    this.#endActor();
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
    if (this.#actor || this.#record.isDirty) return;
    this.#record.rest();
    // A host keeps it; the control plane passes it on.
    if (this.#world.name !== 'control') this.#record.compact();
    const effects = this.#effects;
    // One whose state was left may still be at work, and what comes next has to wait for it.
    void effects?.idle().then(() => {
      if (!this.#actor && this.#effects === effects) this.#effects = undefined;
    });
  }

  #releaseIfGone(): void {
    const { chart, owner } = this.record;
    const isGone = chart.status === 'done' || !isSameOwner(owner, this.#world.name);
    if (!this.#actor && !this.#record.isDirty && isGone) this.#release();
  }

  #stop(): void {
    this.#endActor();
    this.#release();
  }

  #endActor(): void {
    this.#cancelWriteBehind?.();
    this.#cancelWriteBehind = undefined;
    this.#world.inspection?.rests(this);
    this.#actor?.stop();
    this.#actor = undefined;
  }

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#world.inspection?.leaves(this);
    this.#world.onRelease?.(this);
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

function isUnderWay(child: InstanceSnapshot['children'][string]): boolean {
  return child?.getSnapshot().status === 'active';
}
