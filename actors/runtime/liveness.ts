/**
 * Which hosts live, as far as this process can tell: by what it has heard itself, never by the clocks of others.
 *
 * It looks a few times within the time that a host may be silent, each time at a view that has just caught up with the
 * store. A host that was not heard during that many looks is silent. So a clock that is stepped makes no host dead or
 * alive; a process that was paused has looked once, not often; and while the store cannot be asked nothing is counted, and
 * whoever lived before has the whole time again.
 */
import { type Clock, every } from '../../transport/clock.ts';
import type { Host } from '../../transport/messages/records.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';
import type { View } from '../../transport/nats/view.ts';
import type { Pulse } from './pulse.ts';

/** How often is looked within the time that a host may be silent. */
const looks = 5;

/** up: heard lately; unknown: not heard, but nobody has said so; down: declared to be, until it has reconciled. */
export type HostStatus = 'up' | 'unknown' | 'down';

interface Heard {
  /** What the host wrote when it was heard last: a record that others change has the same. */
  beat: string;
  /** How often was looked since then. */
  looks: number;
  isAlive: boolean;
}

export class Liveness {
  readonly #hosts: View<Host>;
  readonly #lookEveryMs: number;
  readonly #heard = new Map<string, Heard>();
  readonly #stopListening: () => void;
  readonly #stopLooking: () => void;

  /** What was heard before this process began may have been the last: only a beat that is young counts. */
  constructor(hosts: View<Host>, clock: Clock, { deadAfterMs }: Pulse) {
    this.#hosts = hosts;
    this.#lookEveryMs = deadAfterMs / looks;
    for (const { key, value } of hosts.entries()) {
      const isYoung = Math.abs(clock.now() - value.heartbeatAt) <= deadAfterMs;
      this.#heard.set(key, { beat: beatOf(value), looks: 0, isAlive: isYoung });
    }
    this.#stopListening = hosts.onChange(({ key, after }) => this.#hear(key, after));
    this.#stopLooking = every(clock, this.#lookEveryMs, () => this.#look());
  }

  /** Whether the host was heard lately. */
  isAlive(host: string): boolean {
    return this.#heard.get(encodeToken(host))?.isAlive ?? false;
  }

  /** Whether the host was not heard for so long that it may be declared down. */
  isSilent(host: string): boolean {
    return (this.#heard.get(encodeToken(host))?.looks ?? 0) > looks;
  }

  /** Of a host without a record: down. */
  statusOf(host: string): HostStatus {
    const record = this.#hosts.get(encodeToken(host));
    if (!record || record.down) return 'down';
    return this.isAlive(host) ? 'up' : 'unknown';
  }

  close(): void {
    this.#stopListening();
    this.#stopLooking();
  }

  #hear(key: string, host: Host | undefined): void {
    if (!host) {
      this.#heard.delete(key);
      return;
    }
    const beat = beatOf(host);
    if (this.#heard.get(key)?.beat !== beat) this.#heard.set(key, { beat, looks: 0, isAlive: true });
  }

  async #look(): Promise<void> {
    try {
      await this.#hosts.passed(this.#lookEveryMs);
    } catch {
      for (const heard of this.#heard.values()) heard.looks = 0;
      return;
    }
    for (const heard of this.#heard.values()) {
      heard.looks += 1;
      if (heard.looks > looks) heard.isAlive = false;
    }
  }
}

/** Wanted by its operator, alive, and with a hypervisor that can be used. */
export function takesInstances({ service, hypervisorState, down }: Host, isAlive: boolean): boolean {
  return service === 'enabled' && hypervisorState === 'up' && isAlive && !down;
}

/**
 * Whether it has yet to compare its guests with the records of the nats-server that answers now: its record is of before that
 * was started. One that never has compared with anything has no guests.
 */
export function isOfEarlierServer({ comparedWith }: Host, servedBy: string): boolean {
  return comparedWith !== undefined && comparedWith !== servedBy;
}

function beatOf({ incarnation, heartbeatAt }: Host): string {
  return `${incarnation} ${heartbeatAt}`;
}
