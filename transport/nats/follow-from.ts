/**
 * Follows what happens to instances from a time on: nothing is missed, and nothing told twice.
 *
 * What comes live has no sequence, and what is listed comes later than it happens; so both are read. Live facts wait
 * while the earlier ones are listed; one that comes both ways, whichever is first, is told once. What was missed while
 * the connection was away is listed when it is back.
 */
import type { QueuedIterator, Status } from 'nats';
import { fail } from '../../machines/failure.ts';
import { sleep } from '../clock.ts';
import { api } from '../messages/api.ts';
import { facts, type InstanceFact } from '../messages/internal.ts';
import type { ApiClient } from './api-client.ts';
import type { Bus } from './bus.ts';
import { subjects } from './subjects.ts';

const pageSize = 1000;
/** How many facts are remembered of each way, for when they come the other way. */
const mostRemembered = 10_000;
/** After so many that came live, it is listed again from where the last list ended. */
const listAgainAfter = mostRemembered / 2;
/** Why a list was given up that will be asked for again. */
const connectionLost = fail('unavailable', 'the connection to NATS was away', { disposition: 'retry' });
/** How long to wait before an API that does not answer is asked again (ms). */
const askAgainMs = 250;

/**
 * Resolves, when all that happened since is told, with the function that ends it. Rejects when it cannot be listed.
 * `since` is an ISO 8601 time. The project has to be that of the client.
 */
export async function followFrom(
  bus: Bus,
  client: ApiClient,
  { projectId, since }: { projectId: string; since: string },
  listener: (fact: InstanceFact) => void,
): Promise<() => void> {
  const seam = new Seam(listener);
  let start: { since: string } | { marker: number } = { since };
  let isOver = false;

  /** Rejects when the connection goes or is back: nobody answers then what was asked before. */
  let away = rejectable();

  async function listAll(): Promise<void> {
    seam.hold();
    for (;;) {
      const asked = client.ask(api.fact.list, { ...start, limit: pageSize });
      const page = await Promise.race([asked, away.promise]);
      for (const { sequence, fact } of page.facts) {
        if (isOver) return;
        seam.listed(fact);
        start = { marker: sequence };
      }
      if (page.facts.length === 0) return seam.release();
    }
  }

  /** Only a list that is refused ends it before it has begun. */
  async function listFirst(): Promise<void> {
    try {
      await listAll();
    } catch (error) {
      if (error !== connectionLost) throw error;
      await listAgain();
    }
  }

  async function listAgain(): Promise<void> {
    while (!isOver) {
      try {
        return await listAll();
      } catch {
        await sleep(bus.clock, askAgainMs);
      }
    }
  }

  /** One after the other, or a fact would be listed twice. */
  let listing = Promise.resolve();
  function catchUp(): void {
    listing = listing.then(listAgain);
  }

  const subscription = bus.subscribe(subjects.instanceFacts(projectId), ({ data }) => {
    const fact = readable(data);
    if (!fact) return;
    seam.live(fact);
    if (seam.unlisted === listAgainAfter) catchUp();
  });
  const status = bus.nats.connection.status() as QueuedIterator<Status>;
  void (async () => {
    for await (const { type } of status) {
      if (type !== 'disconnect' && type !== 'reconnect') continue;
      away.reject(connectionLost);
      away = rejectable();
      if (type === 'reconnect') catchUp();
    }
  })();

  function stop(): void {
    isOver = true;
    subscription.unsubscribe();
    status.stop();
  }
  const first = listFirst();
  listing = first.catch(() => undefined);
  try {
    await first;
  } catch (error) {
    stop();
    throw error;
  }
  return stop;
}

function rejectable(): PromiseWithResolvers<never> {
  const rejectable = Promise.withResolvers<never>();
  // Nobody may be waiting when it is rejected.
  rejectable.promise.catch(() => undefined);
  return rejectable;
}

/** Where what is listed and what comes live meet. */
class Seam {
  readonly #tell: (fact: InstanceFact) => void;
  /** Told from a list; to come live, if they have not come before there was a subscription. */
  readonly #onlyListed = new Remembered();
  /** Told live; to be listed. */
  readonly #onlyLive = new Remembered();
  /** Came live while it was listed, and were not listed yet. */
  #waiting = new Map<string, InstanceFact[]>();
  #isHeld = false;

  constructor(tell: (fact: InstanceFact) => void) {
    this.#tell = tell;
  }

  get unlisted(): number {
    return this.#onlyLive.size;
  }

  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const [identity, same] of waiting) for (const fact of same) this.#tellLive(identity, fact);
  }

  live(fact: InstanceFact): void {
    const identity = JSON.stringify(fact);
    if (this.#onlyListed.forget(identity)) return;
    if (this.#isHeld) this.#waiting.set(identity, [...(this.#waiting.get(identity) ?? []), fact]);
    else this.#tellLive(identity, fact);
  }

  listed(fact: InstanceFact): void {
    const identity = JSON.stringify(fact);
    if (this.#onlyLive.forget(identity)) return;
    const [came, ...others] = this.#waiting.get(identity) ?? [];
    if (others.length > 0) this.#waiting.set(identity, others);
    else this.#waiting.delete(identity);
    if (!came) this.#onlyListed.add(identity);
    this.#tell(fact);
  }

  #tellLive(identity: string, fact: InstanceFact): void {
    this.#onlyLive.add(identity);
    this.#tell(fact);
  }
}

/** The latest of many, each as often as it was added. */
class Remembered {
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#counts.size;
  }

  add(identity: string): void {
    this.#counts.set(identity, (this.#counts.get(identity) ?? 0) + 1);
    const [oldest = ''] = this.#counts.size > mostRemembered ? this.#counts.keys() : [];
    this.#counts.delete(oldest);
  }

  /** Whether it was there; one of it is gone then. */
  forget(identity: string): boolean {
    const count = this.#counts.get(identity) ?? 0;
    if (count > 1) this.#counts.set(identity, count - 1);
    else this.#counts.delete(identity);
    return count > 0;
  }
}

function readable(data: Uint8Array): InstanceFact | undefined {
  try {
    return facts.instance.body.decode(data);
  } catch {
    return undefined;
  }
}
