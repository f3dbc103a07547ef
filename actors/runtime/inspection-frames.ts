/**
 * What a process tells of its machines, gathered into frames: one message for each event would cost several times what
 * the events do. Nothing is kept for later: what cannot be sent now is missed, and whoever hears the next frame knows it.
 */
import { toFailure } from '../../machines/failure.ts';
import { type Frame, inspection, mostEvents, type Told } from '../../transport/messages/inspection.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import type { Logger } from './logger.ts';

/** How long an event may wait for others (ms). */
const gatherMs = 50;

export class InspectionFrames {
  readonly #bus: Bus;
  readonly #logger: Logger;
  readonly #subject: string;
  #events: Told[] = [];
  #sequence = 0;
  #cancel: (() => void) | undefined;

  constructor(bus: Bus, logger: Logger, subject: string) {
    this.#bus = bus;
    this.#logger = logger;
    this.#subject = subject;
  }

  add(event: Told): void {
    this.#events.push(event);
    if (this.#events.length >= mostEvents) this.send();
    else this.#cancel ??= this.#bus.clock.after(gatherMs, () => this.send());
  }

  /** Sends what there is, also if that is nothing. */
  send(more: Pick<Frame, 'definitions' | 'whole'> = {}): void {
    const events = this.#take();
    this.#publish({ sequence: this.#sequence++, ...more, events });
  }

  /** What happens from now on is not told. */
  miss(): void {
    this.#take();
    this.#sequence += 1;
  }

  #take(): Told[] {
    this.#cancel?.();
    this.#cancel = undefined;
    return this.#events.splice(0);
  }

  #publish(frame: Frame): void {
    try {
      this.#bus.send(this.#subject, inspection.frame.encode(frame), { isPerishable: true });
    } catch (error) {
      this.#logger.debug({ failure: toFailure(error) }, 'a frame of machines that are watched is missed');
    }
  }
}
