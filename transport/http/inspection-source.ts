/** What is watched of the machines of the cloud, for those who show it: which actors there are, and what happens to them. */
import type { ActorTold, EventTold, SnapshotTold } from '../messages/inspection.ts';

/** The definition of a machine, as a process has it. */
export interface Definition {
  /** The machine's. */
  readonly id: string;
  readonly text: string;
}

/** An actor that is, or was, watched. */
export interface WatchedActor {
  /** Absent: it is an effect. */
  readonly definition: Definition | undefined;
  /** That it is there, and how it stands now. */
  readonly introduction: ActorTold;
  /** How it stands now. */
  readonly latest: SnapshotTold;
  /** Nothing will happen to it any more. */
  readonly isOver: boolean;
}

/** What has happened to an actor. */
export interface Change {
  readonly actor: WatchedActor;
  readonly told: ActorTold | EventTold | SnapshotTold;
}

export interface Watching {
  /** What there is by now: machines before their effects. */
  actors(): Iterable<WatchedActor>;
  end(): void;
}

export interface InspectionSource {
  /** Watches one machine (`instance/<uuid>`, `host/<name>`), or all. */
  watch(machine: string | undefined, listener: (changes: readonly Change[]) => void): Watching;
}
