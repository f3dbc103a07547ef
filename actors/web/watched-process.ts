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
  /** `seenFor`: by whom it was watched when it was told last of one for which there was no room. */
  #cut: { more: ActorTold; seenFor: string } | undefined;
  #nextSequence: number | undefined;
  /** How often it was asked since it was heard last. */
  silence = 0;

  constructor(name: string) {
    this.#name = name;
    this.#moreId = `${name}/more`;
  }

  /** What whoever misses an actor is shown in its place; absent: there was room for all. */
  get more(): ActorTold | undefined {
    return this.#cut?.more;
  }

  /** Machines before their effects. */
  actors(): Iterable<KnownActor> {
    return this.#actors.values();
  }

  /** Whether the machine is one of those for which there was room. */
  shows(machine: string): boolean {
    return this.#actors.get(`${this.#name}/${machine}`)?.machine === machine;
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
    if (this.#cut?.seenFor !== watcher) this.#cut = undefined;
    const gone = [...this.#actors.values()].filter((actor) => actor.seenFor !== watcher);
    return [...changes, ...gone.flatMap((actor) => this.#close(actor))];
  }

  /** The process is gone, and all that it had. */
  close(): WatchedChange[] {
    this.#cut = undefined;
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
    if (this.#actors.size >= mostActors) {
      this.#cut = { more: this.#cut?.more ?? this.#introduceMore(told.createdAt), seenFor: watcher };
      return undefined;
    }
    const root = told.sessionId === told.rootId ? undefined : this.#actors.get(told.rootId);
    const definition = told.machine && this.#definitions.get(told.machine);
    // It was told to another watcher, and is going to be told to this one.
    if (!root && !definition) return undefined;
    const actor = new KnownActor(told, definition, root);
    root?.effects.add(actor);
    actor.seenFor = watcher;
    this.#actors.set(told.sessionId, actor);
    return { actor, told: actor.introduction };
  }

  #introduceMore(createdAt: string): ActorTold {
    return {
      type: '@xstate.actor',
      sessionId: this.#moreId,
      rootId: this.#moreId,
      createdAt,
      id: null,
      _version: protocolVersion,
      name: `more than ${mostActors} actors: no others are shown`,
      snapshot: { status: 'active' },
    };
  }

  /** Whether there is room by now for those for which there was none: they have to be asked for. */
  makeRoom(): boolean {
    if (!this.#cut || this.#actors.size >= fewActors) return false;
    this.#cut = undefined;
    return true;
  }

  /** It is over, though nothing was heard of that. */
  #close(actor: KnownActor): WatchedChange[] {
    if (actor.isOver) return [];
    return [{ actor, told: actor.end() }, ...this.#forget(actor)];
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

  /** Nobody has told that it is over. */
  end(): SnapshotTold {
    const { snapshot } = this.#latest;
    this.#latest = { ...this.#latest, event: { type: 'xstate.stop' }, snapshot: { ...snapshot, status: 'stopped' } };
    return this.#latest;
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
