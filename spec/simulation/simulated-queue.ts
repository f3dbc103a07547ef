/** The work queue of a simulated nats-server: each message is delivered until it is acknowledged. */
import type { Message } from '../../transport/nats/bus.ts';
import { receiptHeader } from '../../transport/nats/cast.ts';
import type { ConsumeOptions, Delivery } from '../../transport/nats/work-queue.ts';
import type { Sabotage } from './sabotage.ts';
import type { SimulatedNats } from './simulated-nats.ts';
import type { Peer } from './simulated-process.ts';

interface Queued extends Message {
  readonly sequence: number;
  readonly takenAt: number;
  deliveries: number;
  /** When nobody has acknowledged it by then, it is delivered again (simulated ms). */
  heldUntil: number;
}

interface Member {
  process: Peer;
  take: (delivery: Delivery) => void;
}

interface Consumer {
  pattern: RegExp;
  ackWaitMs: number;
  members: Set<Member>;
}

/** How long the same message id is one message (ms). */
const duplicateWindowMs = 120_000;

export class SimulatedQueue {
  readonly #nats: SimulatedNats;
  readonly #sabotage: Sabotage;
  readonly #messages = new Map<number, Queued>();
  readonly #consumers = new Map<string, Consumer>();
  /** Message id → when it came, and as what. */
  readonly #ids = new Map<string, { at: number; sequence: number }>();
  #sequence = 0;
  /** What it was told to keep and to forget, in order. */
  readonly #log: { queued: Queued; isDone: boolean }[] = [];
  /** What wants a receipt that nobody has sent yet, by where that goes. */
  readonly #unanswered = new Map<string, Message>();
  /** Of each delivery, in [0, 1]: the message is given to somebody else at the same time. */
  doublingProbability = 0;

  constructor(nats: SimulatedNats, sabotage: Sabotage) {
    this.#nats = nats;
    this.#sabotage = sabotage;
  }

  get size(): number {
    return this.#messages.size;
  }

  /** What has left the queue without the receipt that it asked for. */
  get leftUnanswered(): Message[] {
    const waiting = new Set([...this.#messages.values()].map(receiptOf));
    return [...this.#unanswered].filter(([receipt]) => !waiting.has(receipt)).map(([, message]) => message);
  }

  /** Somebody has sent something there, whatever becomes of it. */
  answered(receipt: string): void {
    this.#unanswered.delete(receipt);
  }

  /** What JetStream answers. */
  add(message: Message): object {
    const id = message.headers?.get('Nats-Msg-Id') ?? '';
    const known = this.#ids.get(id);
    const now = this.#nats.time.now();
    if (id !== '' && known && now - known.at < duplicateWindowMs) return { seq: known.sequence, duplicate: true };
    const sequence = ++this.#sequence;
    this.#ids.set(id, { at: now, sequence });
    const queued: Queued = { ...message, sequence, takenAt: now, deliveries: 0, heldUntil: 0 };
    this.#messages.set(sequence, queued);
    if (receiptOf(queued) !== '') this.#unanswered.set(receiptOf(queued), queued);
    this.#log.push({ queued, isDone: false });
    this.#deliverOne(queued);
    return { seq: sequence };
  }

  consume(process: Peer, { durable, subject, ackWaitMs }: ConsumeOptions, take: Member['take']) {
    const pattern = patternOf(subject);
    const consumer = this.#consumers.get(durable) ?? { pattern, ackWaitMs, members: new Set() };
    this.#consumers.set(durable, consumer);
    const member: Member = { process, take };
    consumer.members.add(member);
    const stopListening = process.onLink(() => this.deliver());
    this.deliver();
    return {
      async stop() {
        stopListening();
        consumer.members.delete(member);
      },
    };
  }

  /** Loses its last writes, up to so many: messages that it took, and that others are done. */
  loseLast(count: number): void {
    for (const { queued, isDone } of this.#log.splice(Math.max(0, this.#log.length - count)).reverse()) {
      if (isDone) this.#messages.set(queued.sequence, { ...queued, deliveries: 0, heldUntil: 0 });
      else {
        this.#messages.delete(queued.sequence);
        this.answered(receiptOf(queued));
        this.#ids.delete(queued.headers?.get('Nats-Msg-Id') ?? '');
        this.#sequence = queued.sequence - 1;
      }
    }
  }

  #remove(queued: Queued): void {
    // A message of this number may be another by now.
    if (this.#messages.get(queued.sequence) !== queued) return;
    this.#messages.delete(queued.sequence);
    this.#log.push({ queued, isDone: true });
  }

  /** Removes what was cast there. Whoever consumes it goes on. */
  forget(subject: string): void {
    const pattern = patternOf(subject);
    for (const queued of this.#messages.values()) {
      if (!pattern.test(queued.subject)) continue;
      this.answered(receiptOf(queued));
      this.#remove(queued);
    }
  }

  /** Gives what is to be given now. */
  deliver(): void {
    for (const queued of this.#messages.values()) this.#deliverOne(queued);
  }

  #deliverOne(queued: Queued): void {
    const { time } = this.#nats;
    if (this.#messages.get(queued.sequence) !== queued || queued.heldUntil > time.now()) return;
    for (const consumer of this.#consumers.values()) {
      if (!consumer.pattern.test(queued.subject)) continue;
      const reachable = [...consumer.members].filter(({ process }) => this.#nats.reaches(process));
      if (reachable.length === 0) return;
      queued.deliveries += 1;
      this.#hold(queued, consumer.ackWaitMs);
      const times = this.#nats.happens(this.doublingProbability) ? 2 : 1;
      for (let copy = 0; copy < times; copy++) this.#give(queued, consumer, this.#nats.pick(reachable));
      return;
    }
  }

  /** Nobody else gets it for so long. */
  #hold(queued: Queued, ms: number): void {
    const { time } = this.#nats;
    queued.heldUntil = time.now() + ms;
    time.after(ms, () => this.#deliverOne(queued));
  }

  #give(queued: Queued, { ackWaitMs }: Consumer, { process, take }: Member): void {
    const { time } = this.#nats;
    const count = queued.deliveries;
    const settle = (work: () => void) => this.#nats.send(process, work);
    const delivery: Delivery = {
      subject: queued.subject,
      data: queued.data,
      headers: queued.headers,
      sequence: queued.sequence,
      takenAt: queued.takenAt,
      count,
      acknowledge: () => settle(() => this.#remove(queued)),
      giveUp: () => settle(() => this.#remove(queued)),
      postpone: (ms) => settle(() => this.#hold(queued, ms)),
      keep: () => settle(() => this.#hold(queued, ackWaitMs)),
    };
    time.after(this.#nats.latency(), () => {
      if (!this.#nats.reaches(process)) return;
      if (this.#sabotage.acknowledgesEarly) delivery.acknowledge();
      process.run(() => take(delivery));
    });
  }
}

/** Empty: it wants none. */
function receiptOf({ headers }: Message): string {
  return headers?.get(receiptHeader) ?? '';
}

function patternOf(subject: string): RegExp {
  return new RegExp(`^${subject.replaceAll('.', '\\.').replace('>', '.+')}$`);
}
