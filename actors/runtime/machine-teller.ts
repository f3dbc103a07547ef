/**
 * What XState tells of the actors of a machine, as events of the Stately inspection protocol, cut to what may be shown.
 * Of the kinds of events that XState has since added (microsteps, actions), the protocol knows nothing: they are not told.
 */
import type { ActorRefLike, AnyActor, AnyActorRef, InspectionEvent } from 'xstate';
import { toFailure } from '../../machines/failure.ts';
import { hostMachine } from '../../machines/host.ts';
import { instanceMachine } from '../../machines/instance.ts';
import type { Clock } from '../../transport/clock.ts';
import { cutTo } from '../../transport/messages/cut.ts';
import {
  type ActorTold,
  type EventTold,
  Heard,
  protocolVersion,
  Seen,
  type Told,
} from '../../transport/messages/inspection.ts';
import type { Logger } from './logger.ts';

/** A machine that can be watched, whether it has an actor at the time or rests. */
export interface Inspected {
  /** One of all, whichever processes it runs in. */
  readonly inspectedAs: `${NonNullable<ActorTold['machine']>}/${string}`;
  /** As it stands. */
  readonly chart: { status: string; value: unknown; context: object };
}

/** As data: what a chart names by a string is there; functions, which are what a state's inputs are made of, are not. */
export const definitions = [instanceMachine, hostMachine].map(({ id, config }) => ({
  machine: id as NonNullable<ActorTold['machine']>,
  definition: JSON.stringify(config),
}));

const shownEvent = cutTo(Heard) as (event: unknown) => EventTold['event'];
const shownSnapshot = cutTo(Seen) as (snapshot: unknown) => ActorTold['snapshot'];

export interface TellerOptions {
  clock: Clock;
  logger: Logger;
  /** Whether a machine is over when its actor is stopped, or rests then. */
  isStopTold: boolean;
  tell(told: Told): void;
}

export class MachineTeller {
  /** Begins all ids that it gives, so that no other process has the same. */
  readonly #process: string;
  readonly #options: TellerOptions;

  constructor(process: string, options: TellerOptions) {
    this.#process = process;
    this.#options = options;
  }

  /** That it is there, and how it stands. */
  introduce(machine: Inspected): void {
    const { inspectedAs } = machine;
    const sessionId = this.#sessionIdOf(inspectedAs);
    this.#tell(machine, () => ({
      type: '@xstate.actor',
      ...this.#about(sessionId, sessionId),
      name: inspectedAs,
      machine: inspectedAs.startsWith('host/') ? 'host' : 'instance',
      snapshot: shownSnapshot(machine.chart),
    }));
  }

  /** Tells of what its actor does from now on, and of its effects that are under way. Returns what ends this. */
  follow(machine: Inspected, actor: AnyActor): () => void {
    const followed: Followed = { actor, rootId: this.#sessionIdOf(machine.inspectedAs) };
    const { children } = actor.getSnapshot() as { children: Record<string, AnyActorRef | undefined> };
    for (const child of Object.values(children)) {
      if (child?.getSnapshot().status === 'active') this.#tell(machine, () => this.#effectTold(child, followed));
    }
    const subscription = actor.system.inspect((inspected: InspectionEvent) => {
      if (!isStop(actor, inspected)) this.#tell(machine, () => this.#toldOf(inspected, followed));
      // An effect whose end led to it is over only when that is through.
      else if (this.#options.isStopTold) queueMicrotask(() => this.dismiss(machine));
    });
    return () => subscription.unsubscribe();
  }

  /** That the process has it no longer. */
  dismiss(machine: Inspected): void {
    const sessionId = this.#sessionIdOf(machine.inspectedAs);
    this.#tell(machine, () => ({
      type: '@xstate.snapshot',
      ...this.#about(sessionId, sessionId),
      event: { type: 'xstate.stop' },
      snapshot: { ...shownSnapshot(machine.chart), status: 'stopped' },
    }));
  }

  /** No chart breaks because it is watched. */
  #tell({ inspectedAs }: Inspected, make: () => Told | undefined): void {
    const { logger, tell } = this.#options;
    try {
      const told = make();
      if (told) tell(told);
    } catch (error) {
      logger.warn({ failure: toFailure(error), machine: inspectedAs }, 'what a machine does could not be told');
    }
  }

  #toldOf(inspected: InspectionEvent, followed: Followed): Told | undefined {
    const { type, actorRef } = inspected;
    if (type === '@xstate.actor') return this.#effectTold(actorRef as AnyActorRef, followed);
    if (type === '@xstate.event') {
      const { event, sourceRef } = inspected;
      const sourceId = sourceRef && this.#sessionIdIn(followed, sourceRef);
      const about = this.#about(this.#sessionIdIn(followed, actorRef), followed.rootId);
      return { type, ...about, ...(sourceId && { sourceId }), event: shownEvent(event) };
    }
    if (type === '@xstate.snapshot') {
      const { event, snapshot } = inspected;
      const about = this.#about(this.#sessionIdIn(followed, actorRef), followed.rootId);
      return { type, ...about, event: shownEvent(event), snapshot: shownSnapshot(snapshot) };
    }
    return undefined;
  }

  #effectTold(actor: AnyActorRef, { rootId }: Followed): ActorTold {
    return {
      type: '@xstate.actor',
      ...this.#about(this.#sessionIdOf(actor.sessionId), rootId),
      parentId: rootId,
      name: String(actor.src),
      // It is told of before it has one of its own.
      snapshot: { status: 'active' },
    };
  }

  #sessionIdIn({ actor, rootId }: Followed, ref: ActorRefLike): string {
    return ref === actor ? rootId : this.#sessionIdOf(ref.sessionId);
  }

  #sessionIdOf(id: string): string {
    return `${this.#process}/${id}`;
  }

  #about(sessionId: string, rootId: string) {
    const createdAt = String(this.#options.clock.now());
    return { sessionId, rootId, createdAt, id: null, _version: protocolVersion } as const;
  }
}

/** The actor of a machine, and the id of the machine. */
interface Followed {
  actor: AnyActor;
  rootId: string;
}

function isStop(actor: AnyActor, inspected: InspectionEvent): boolean {
  const { type, actorRef } = inspected;
  return type === '@xstate.snapshot' && actorRef === actor && inspected.snapshot.status === 'stopped';
}
