/**
 * The consoles of a host's guests. Whoever asks for one is given a token; who shows it first, and soon, has the bytes
 * carried to and fro. What was given out is known to this process only, and ends with it. A guest has one console of a
 * kind: it is the latest's, and the one before ends.
 */
import { createHash } from 'node:crypto';
import { FailureError, fail } from '../../machines/failure.ts';
import type { Chance, Clock } from '../../transport/clock.ts';
import { Link } from '../../transport/console/link.ts';
import { makeConsoleToken } from '../../transport/console/token.ts';
import type { ConsoleKind } from '../../transport/messages/console.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { isInbox, subjects } from '../../transport/nats/subjects.ts';
import type { Hypervisor } from '../hypervisor/hypervisor.ts';
import type { Logger } from '../runtime/logger.ts';

/** How long a token may be shown (ms). */
const tokenMs = 30_000;
/** How many tokens of one guest's may be out: the oldest is worth nothing from then on. */
const mostTokens = 8;
const secretBytes = 32;
const hourMs = 3_600_000;

export interface ConsolesWorld {
  name: string;
  hypervisor: Hypervisor;
  bus: Bus;
  clock: Clock;
  chance: Chance;
  logger: Logger;
  /** How long a console may be open, and how long without a byte (ms). */
  limits?: { lifeMs: number; idleMs: number };
}

export interface ConsoleWanted {
  uuid: string;
  kind: ConsoleKind;
}

interface Offer extends ConsoleWanted {
  expiresAt: number;
  /** Who asked. */
  userId: string | undefined;
}

export class Consoles {
  readonly #world: ConsolesWorld;
  /** By the digest of the token, the oldest first. */
  readonly #offers = new Map<string, Offer>();
  /** By guest and kind. */
  readonly #links = new Map<string, Link>();
  #isStopped = false;

  constructor(world: ConsolesWorld) {
    this.#world = world;
  }

  /** Rejects with `conflict` when the guest does not run. */
  async offer(
    { uuid, kind }: ConsoleWanted,
    userId: string | undefined,
  ): Promise<{ token: string; expiresAt: number }> {
    const { name, hypervisor, clock, chance } = this.#world;
    const powerState = await hypervisor.powerState(uuid);
    if (powerState !== 'running' && powerState !== 'paused') {
      throw fail('conflict', `instance ${uuid} has no running guest: it is ${powerState}`, { details: { powerState } });
    }
    this.#forgetOffers(uuid);
    const token = makeConsoleToken(name, chance.bytes(secretBytes));
    const expiresAt = clock.now() + tokenMs;
    this.#offers.set(digestOf(token), { uuid, kind, expiresAt, userId });
    return { token, expiresAt };
  }

  /** Carries bytes from now on; `inbox` is where those of the guest go. Rejects with `forbidden` for any other token. */
  async attach({ token, inbox }: { token: string; inbox: string }): Promise<{ linkId: string; kind: ConsoleKind }> {
    const { name, hypervisor, bus, clock, chance, logger, limits = defaultLimits } = this.#world;
    if (!isInbox(inbox)) throw fail('invalid_request', 'the bytes of a console go to an inbox');
    const { uuid, kind, userId } = this.#redeem(token);
    const key = `${uuid} ${kind}`;
    this.#takeFrom(key);
    const stream = await hypervisor.openConsole(uuid, kind);
    if (this.#isStopped) {
      stream.destroy();
      throw stopping();
    }
    const linkId = chance.uuid();
    const link = new Link(stream, { ...limits, clock, explain, send: (frame) => bus.send(inbox, frame) });
    const subscription = bus.subscribe(subjects.consoleInput(name, linkId), ({ data }) => link.take(data));
    // Another one may have been opened meanwhile.
    this.#takeFrom(key);
    this.#links.set(key, link);
    logger.info({ uuid, kind, userId, linkId }, 'a console is open');
    void link.ended.then((failure) => {
      subscription.unsubscribe();
      if (this.#links.get(key) === link) this.#links.delete(key);
      logger.info({ uuid, kind, userId, linkId, failure }, 'a console is closed');
    });
    return { linkId, kind };
  }

  /** Resolves when all of them are closed. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#offers.clear();
    const links = [...this.#links.values()];
    for (const link of links) link.end(stopping());
    await Promise.all(links.map((link) => link.ended));
  }

  #takeFrom(key: string): void {
    this.#links.get(key)?.end(fail('conflict', 'the console was opened elsewhere'));
  }

  #redeem(token: string): Offer {
    const digest = digestOf(token);
    const offer = this.#offers.get(digest);
    this.#offers.delete(digest);
    if (!offer || offer.expiresAt < this.#world.clock.now()) {
      throw fail('forbidden', 'the token is not known here: it is worth something once, and for a short time');
    }
    return offer;
  }

  /** Makes room for one of the guest. */
  #forgetOffers(uuid: string): void {
    const now = this.#world.clock.now();
    const ofGuest: string[] = [];
    for (const [digest, offer] of this.#offers) {
      if (offer.expiresAt < now) this.#offers.delete(digest);
      else if (offer.uuid === uuid) ofGuest.push(digest);
    }
    for (const digest of ofGuest.slice(0, Math.max(0, ofGuest.length - mostTokens + 1))) this.#offers.delete(digest);
  }
}

const defaultLimits = { lifeMs: 12 * hourMs, idleMs: hourMs };

function explain(error?: Error): FailureError {
  if (!error) return fail('conflict', 'the guest is off, or was switched off and on', { disposition: 'retry' });
  if (error instanceof FailureError) return error;
  return fail('hypervisor_unavailable', `the console broke: ${error.message}`, { disposition: 'retry' });
}

function stopping(): FailureError {
  return fail('unavailable', 'the host stops', { disposition: 'retry' });
}

/** Tokens are looked up by it, so that how long it takes says nothing of any token. */
function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
