/** What is known of the machines of one process that is watched, and of their effects: how each stands by now. */
import type { Change, Definition, Session } from '../../transport/http/inspect-socket.ts';
import {
  type ActorTold,
  type Frame,
  protocolVersion,
  type SnapshotTold,
  type Told,
} from '../../transport/messages/inspection.ts';

/** How many actors are kept of one process: of more nothing is shown. */
export const mostSessions = 20_000;

export class WatchedProcess {
  readonly #name: string;
  readonly #definitions = new Map<string, Definition>();
  readonly #sessions = new Map<string, WatchedSession>();
  #nextSequence: number | undefined;
  /** How often it was asked since it was heard last. */
  silence = 0;
  /** Whether there was no room for some of its actors. */
  isCut = false;

  constructor(name: string) {
    this.#name = name;
  }

  /** Machines before their effects. */
  sessions(): Iterable<WatchedSession> {
    return this.#sessions.values();
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
    const gone = [...this.#sessions.values()].filter((session) => session.seenFor !== watcher);
    return [...changes, ...gone.flatMap((session) => this.#close(session))];
  }

  /** The process is gone, and all that it had. */
  close(): WatchedChange[] {
    return [...this.#sessions.values()].flatMap((session) => this.#close(session));
  }

  #change(told: Told, watcher: string): WatchedChange | WatchedChange[] | undefined {
    const session = this.#sessions.get(told.sessionId);
    if (!session) return told.type === '@xstate.actor' ? this.#open(told, watcher) : undefined;
    session.seenFor = watcher;
    if (told.type === '@xstate.event') return { session, told };
    const snapshot = told.type === '@xstate.actor' ? session.returned(told) : told;
    if (!snapshot) return undefined;
    session.latest = snapshot;
    const change = { session, told: snapshot };
    return session.isOver ? [change, ...this.#forget(session)] : change;
  }

  #open(told: ActorTold, watcher: string): WatchedChange | undefined {
    // No process speaks for another.
    if (!told.sessionId.startsWith(`${this.#name}/`)) return undefined;
    if (this.#sessions.size >= mostSessions) {
      this.isCut = true;
      return undefined;
    }
    const root = told.sessionId === told.rootId ? undefined : this.#sessions.get(told.rootId);
    const definition = told.machine && this.#definitions.get(told.machine);
    // It was told to another watcher, and is going to be told to this one.
    if (!root && !definition) return undefined;
    const session = new WatchedSession(told, definition, root);
    session.seenFor = watcher;
    root?.effects.add(session);
    this.#sessions.set(told.sessionId, session);
    return { session, told };
  }

  /** It is over, though nothing was heard of that. */
  #close(session: WatchedSession): WatchedChange[] {
    if (session.isOver) return [];
    session.latest = session.stopped();
    return [{ session, told: session.latest }, ...this.#forget(session)];
  }

  /** Its effects end with a machine. */
  #forget(session: WatchedSession): WatchedChange[] {
    this.#sessions.delete(session.introduction.sessionId);
    session.root?.effects.delete(session);
    return [...session.effects].flatMap((effect) => this.#close(effect));
  }
}

export interface WatchedChange extends Change {
  readonly session: WatchedSession;
}

export class WatchedSession implements Session {
  readonly definition: Definition | undefined;
  /** The machine whose effect it is. */
  readonly root: WatchedSession | undefined;
  readonly effects = new Set<WatchedSession>();
  /** By whom it was watched when it was heard of last. */
  seenFor = '';
  readonly #introduced: ActorTold;
  #latest: SnapshotTold;

  constructor(introduced: ActorTold, definition: Definition | undefined, root: WatchedSession | undefined) {
    this.#introduced = introduced;
    this.definition = definition;
    this.root = root;
    this.#latest = asSnapshot(introduced);
  }

  /** `instance/<uuid>` or `host/<name>`: of the machine that it is, or is an effect of. */
  get machine(): string {
    return this.root?.machine ?? this.#introduced.name;
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
