/**
 * Gives facts out to those who listen: to each project's what happens to its instances, to administrators everything. Facts
 * are gathered for a moment, and all who hear the same are sent the same bytes.
 */
import { type Clock, every } from '../clock.ts';
import { type LiveFrame, stillEveryMs } from '../messages/web.ts';
import type { FactFollower, FollowedFact } from '../nats/fact-follower.ts';

/** Facts wait for others at most so long (ms), and until there are so many. */
const gatherMs = 50;
const mostInFrame = 50;
/** Whoever has missed more has it told that something was missed. */
const mostMissed = 1_000;

/** Somebody who listens. */
export interface Listener {
  /** Absent: an administrator, who hears everything. */
  projectId: string | undefined;
  send(frame: Uint8Array): void;
}

/** Those who hear the same. */
interface Audience {
  projectId: string | undefined;
  listeners: Set<Listener>;
  gathered: FollowedFact[];
  cancelFlush: (() => void) | undefined;
}

export class LiveFeed {
  readonly #facts: FactFollower;
  readonly #clock: Clock;
  readonly #audiences = new Map<string | undefined, Audience>();
  readonly #endings: (() => void)[];

  constructor(facts: FactFollower, clock: Clock) {
    this.#facts = facts;
    this.#clock = clock;
    this.#endings = [
      facts.onFact((fact) => this.#take(fact)),
      facts.onGap(() => this.#beginAnew()),
      every(clock, stillEveryMs, async () => this.#sayStill()),
    ];
  }

  /** Has the listener hear all that happens from now on, and before it what happened since; returns the function that ends it. */
  join(listener: Listener, since?: { epoch: string | null; sequence: number }): () => void {
    const { projectId } = listener;
    const { epoch } = this.#facts;
    const audience = this.#audienceOf(projectId);
    // To who is there already: who comes now is told of it as of what happened before.
    this.#flush(audience);
    listener.send(this.#hello());
    if (since) {
      const isSameEpoch = since.epoch === null || since.epoch === epoch;
      const missed = isSameEpoch
        ? this.#facts.after(since.sequence)?.filter((fact) => hears(projectId, fact))
        : undefined;
      if (!missed || missed.length > mostMissed) listener.send(encode({ type: 'reset' }));
      else for (let at = 0; at < missed.length; at += mostInFrame) send([listener], missed.slice(at, at + mostInFrame));
    }
    audience.listeners.add(listener);
    return () => {
      audience.listeners.delete(listener);
      if (audience.listeners.size === 0) this.#dismiss(audience);
    };
  }

  stop(): void {
    for (const end of this.#endings) end();
    for (const audience of this.#audiences.values()) this.#dismiss(audience);
  }

  #hello(): Buffer {
    const { epoch, latest } = this.#facts;
    return encode({ type: 'hello', epoch, sequence: latest });
  }

  #sayStill(): void {
    const still = encode({ type: 'still', sequence: this.#facts.latest });
    for (const audience of this.#audiences.values()) {
      this.#flush(audience);
      for (const listener of audience.listeners) listener.send(still);
    }
  }

  /** What was gathered they ask for with all the rest. */
  #beginAnew(): void {
    const [hello, reset] = [this.#hello(), encode({ type: 'reset' })];
    for (const audience of this.#audiences.values()) {
      audience.gathered = [];
      this.#flush(audience);
      for (const listener of audience.listeners) {
        listener.send(hello);
        listener.send(reset);
      }
    }
  }

  #audienceOf(projectId: string | undefined): Audience {
    const known = this.#audiences.get(projectId);
    if (known) return known;
    const audience = { projectId, listeners: new Set<Listener>(), gathered: [], cancelFlush: undefined };
    this.#audiences.set(projectId, audience);
    return audience;
  }

  #take(fact: FollowedFact): void {
    const projectId = fact.kind === 'instance' ? fact.projectId : undefined;
    for (const audienceId of new Set([undefined, projectId])) {
      const audience = this.#audiences.get(audienceId);
      if (!audience) continue;
      audience.gathered.push(fact);
      if (audience.gathered.length >= mostInFrame) this.#flush(audience);
      else audience.cancelFlush ??= this.#clock.after(gatherMs, () => this.#flush(audience));
    }
  }

  #flush(audience: Audience): void {
    audience.cancelFlush?.();
    audience.cancelFlush = undefined;
    const { gathered, listeners } = audience;
    audience.gathered = [];
    if (gathered.length > 0) send(listeners, gathered);
  }

  #dismiss(audience: Audience): void {
    audience.cancelFlush?.();
    this.#audiences.delete(audience.projectId);
  }
}

function hears(projectId: string | undefined, fact: FollowedFact): boolean {
  return projectId === undefined || (fact.kind === 'instance' && fact.projectId === projectId);
}

function send(listeners: Iterable<Listener>, facts: readonly FollowedFact[]): void {
  const entries = facts.flatMap(({ sequence, kind, data }) => {
    const text = readable(data);
    return text === undefined ? [] : [`{"sequence":${sequence},"kind":"${kind}","fact":${text}}`];
  });
  if (entries.length === 0) return;
  const frame = Buffer.from(`{"type":"facts","entries":[${entries.join(',')}]}`);
  for (const listener of listeners) listener.send(frame);
}

/** Whoever has put something else among the facts does not spoil what it would be a part of. */
function readable(data: Uint8Array): string | undefined {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8');
  try {
    JSON.parse(text);
    return text;
  } catch {
    return undefined;
  }
}

function encode(frame: LiveFrame): Buffer {
  return Buffer.from(JSON.stringify(frame));
}
