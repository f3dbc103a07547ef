/** What is known of the machines of one process that is watched, and of their effects: how each stands by now. */
import type { Change, Definition, WatchedActor } from '../../transport/http/inspection-source.ts';
import {
  type ActorTold,
  type Frame,
  protocolVersion,
  type SnapshotTold,
  type Told,
} from '../../transport/messages/inspection.ts';

/** How many actors are kept of one process. Of more it is shown only that they are there. */
export const mostActors = 20_000;
/** With fewer than these it is worth it to ask for the others. */
const fewActors = 18_000;

export class WatchedProcess {
  readonly #name: string;
  /** Stands for those for which there is no room. */
  readonly #moreId: string;
  readonly #definitions = new Map<string, Definition>();
  readonly #actors = new Map<string, KnownActor>();
  #nextSequence: number | undefined;
  /** How often it was asked since it was heard last. */
  silence = 0;

  constructor(name: string) {
    this.#name = name;
    this.#moreId = `${name}/more`;
  }

  /** Whether there was no room for some of its actors. */
  get isCut(): boolean {
    return this.#actors.has(this.#moreId);
  }

  /** Machines before their effects. */
  actors(): Iterable<KnownActor> {
    return this.#actors.values();
  }

  /** Whether who watches that machine is to see the actor. The machine may be one of those for which another actor stands. */
  concerns(machine: string, actor: KnownActor): boolean {
    if (actor.machine !== undefined) return actor.machine === machine;
    // Whoever has seen it has to see its end.
    return actor.isOver || !this.#shows(machine);
  }

  #shows(machine: string): boolean {
    for (const actor of this.#actors.values()) if (actor.machine === machine) return true;
    return false;
  }

  /** Whether something was lost between this frame and the one before it. */
  comesAfterGap({ sequence }: Frame): boolean {
    const isGap = this.#nextSequence !== undefined && this.#nextSequence !== sequence;
    this.#nextSequence = sequence + 1;
    return isGap;
  }

  /** What a frame changes. `watcher`: for whom it is that this is kept. */
  take({ definitions = [], events, whole }: Frame, watcher: string): WatchedChange[] {
    for (const { machine, definition } of definitions) {
      // One that is the same stays the same, also for those who have it.
      if (this.#definitions.get(machine)?.text === definition) continue;
      this.#definitions.set(machine, { id: machine, text: definition });
    }
    const changes = events.flatMap((told) => this.#change(told, watcher) ?? []);
    if (whole !== watcher) return changes;
    const gone = [...this.#actors.values()].filter((actor) => actor.seenFor !== watcher);
    return [...changes, ...gone.flatMap((actor) => this.#close(actor))];
  }

  /** The process is gone, and all that it had. */
  close(): WatchedChange[] {
    return [...this.#actors.values()].flatMap((actor) => this.#close(actor));
  }

  #change(told: Told, watcher: string): WatchedChange | WatchedChange[] | undefined {
    // No process speaks for who stands for its others, nor has that any effects.
    if (told.sessionId === this.#moreId || told.rootId === this.#moreId) return undefined;
    const actor = this.#actors.get(told.sessionId);
    if (!actor) return told.type === '@xstate.actor' ? this.#open(told, watcher) : undefined;
    actor.seenFor = watcher;
    if (told.type === '@xstate.event') return { actor, told };
    const snapshot = told.type === '@xstate.actor' ? actor.returned(told) : told;
    if (!snapshot) return undefined;
    actor.latest = snapshot;
    const change = { actor, told: snapshot };
    return actor.isOver ? [change, ...this.#forget(actor)] : change;
  }

  #open(told: ActorTold, watcher: string): WatchedChange | undefined {
    // No process speaks for another.
    if (!told.sessionId.startsWith(`${this.#name}/`)) return undefined;
    if (this.#actors.size >= mostActors) return this.#tellOfMore(told.createdAt, watcher);
    const root = told.sessionId === told.rootId ? undefined : this.#actors.get(told.rootId);
    const definition = told.machine && this.#definitions.get(told.machine);
    // It was told to another watcher, and is going to be told to this one.
    if (!root && !definition) return undefined;
    const actor = new KnownActor(told, definition, root);
    root?.effects.add(actor);
    return this.#keep(actor, watcher);
  }

  /** There is no room for one that began then: whoever watches sees that as of one more actor. */
  #tellOfMore(createdAt: string, watcher: string): WatchedChange | undefined {
    const known = this.#actors.get(this.#moreId);
    if (known) known.seenFor = watcher;
    if (known) return undefined;
    const about = {
      sessionId: this.#moreId,
      rootId: this.#moreId,
      createdAt,
      id: null,
      _version: protocolVersion,
    } as const;
    const name = `more than ${mostActors} actors: no others are shown`;
    const more = { type: '@xstate.actor', ...about, name, snapshot: { status: 'active' } } as const;
    return this.#keep(new KnownActor(more, undefined, undefined), watcher);
  }

  /** Not empty when there is room by now for those for which there was none: they have to be asked for. */
  makeRoom(): WatchedChange[] {
    const more = this.#actors.get(this.#moreId);
    return more && this.#actors.size < fewActors ? this.#close(more) : [];
  }

  #keep(actor: KnownActor, watcher: string): WatchedChange {
    const told = actor.introduction;
    actor.seenFor = watcher;
    this.#actors.set(told.sessionId, actor);
    return { actor, told };
  }

  /** It is over, though nothing was heard of that. */
  #close(actor: KnownActor): WatchedChange[] {
    if (actor.isOver) return [];
    actor.latest = actor.stopped();
    return [{ actor, told: actor.latest }, ...this.#forget(actor)];
  }

  /** Its effects end with a machine. */
  #forget(actor: KnownActor): WatchedChange[] {
    this.#actors.delete(actor.introduction.sessionId);
    actor.root?.effects.delete(actor);
    return [...actor.effects].flatMap((effect) => this.#close(effect));
  }
}

export interface WatchedChange extends Change {
  readonly actor: KnownActor;
}

export class KnownActor implements WatchedActor {
  readonly definition: Definition | undefined;
  /** The machine whose effect it is. */
  readonly root: KnownActor | undefined;
  readonly effects = new Set<KnownActor>();
  /** By whom it was watched when it was heard of last. */
  seenFor = '';
  readonly #introduced: ActorTold;
  #latest: SnapshotTold;

  constructor(introduced: ActorTold, definition: Definition | undefined, root: KnownActor | undefined) {
    this.#introduced = introduced;
    this.definition = definition;
    this.root = root;
    this.#latest = asSnapshot(introduced);
  }

  /** `instance/<uuid>` or `host/<name>`: of the machine that it is, or is an effect of. Absent: it stands for others. */
  get machine(): string | undefined {
    if (this.root) return this.root.machine;
    return this.definition && this.#introduced.name;
  }
  get introduction(): ActorTold {
    return { ...this.#introduced, snapshot: this.#latest.snapshot };
  }
  get latest(): SnapshotTold {
    return this.#latest;
  }
  set latest(latest: SnapshotTold) {
    this.#latest = latest;
  }
  get isOver(): boolean {
    return this.#latest.snapshot.status !== 'active';
  }

  /** It was introduced again, to another watcher or after a rest; nothing, when it stands where it stood. */
  returned(told: ActorTold): SnapshotTold | undefined {
    const isSame = JSON.stringify(told.snapshot) === JSON.stringify(this.#latest.snapshot);
    // An effect that is introduced has no snapshot yet.
    return isSame || this.root ? undefined : asSnapshot(told);
  }

  stopped(): SnapshotTold {
    const { snapshot } = this.#latest;
    return { ...this.#latest, event: { type: 'xstate.stop' }, snapshot: { ...snapshot, status: 'stopped' } };
  }
}

function asSnapshot({ sessionId, rootId, createdAt, snapshot }: ActorTold): SnapshotTold {
  return {
    type: '@xstate.snapshot',
    sessionId,
    rootId,
    createdAt,
    id: null,
    _version: protocolVersion,
    event: { type: '' },
    snapshot,
  };
}
