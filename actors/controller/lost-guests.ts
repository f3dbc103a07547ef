/**
 * Keeps an instance from being made a second time whose record the store has lost, and whose guest runs on: its disk is
 * somebody's. A request with the client token of the first would make it. The hosts tell of such guests, before they are up,
 * and when they have compared what they have with the records that there are.
 */
import { fail } from '../../machines/failure.ts';
import type { Host } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { untilAllCompared } from '../runtime/until-all-compared.ts';

/** How long a request waits for hosts that have yet to compare (ms): it has to be answered before the caller gives up. */
const patienceMs = 5_000;

export class LostGuests {
  readonly #runtime: Runtime;
  readonly #hosts: View<Host>;
  readonly #ending = new AbortController();
  #allCompared: Promise<unknown> | undefined;

  static async open(runtime: Runtime): Promise<LostGuests> {
    return new LostGuests(runtime, await runtime.store.view('host'));
  }

  private constructor(runtime: Runtime, hosts: View<Host>) {
    this.#runtime = runtime;
    this.#hosts = hosts;
  }

  /** Rejects with `conflict` where a host has such a guest, and with `unavailable` where one has yet to look. */
  async refuse(uuids: readonly string[]): Promise<void> {
    await this.#untilAllCompared();
    await this.#hosts.caughtUp();
    for (const { name, tokenGuests = [] } of this.#hosts.values()) {
      const guest = tokenGuests.find((uuid) => uuids.includes(uuid));
      if (guest === undefined) continue;
      throw fail(
        'conflict',
        `field /clientToken was used before: the record of that instance is lost, and its guest ${guest} still on host ${name}. ` +
          'Take another token, or have an administrator remove the guest',
        { details: { field: '/clientToken', uuid: guest, host: name } },
      );
    }
  }

  /** Nobody waits any longer. */
  end(): void {
    this.#ending.abort(fail('unavailable', 'the controller is stopping', { disposition: 'retry' }));
  }

  /** Once is enough: this lives no longer than the server that it is served by. */
  async #untilAllCompared(): Promise<void> {
    this.#allCompared ??= untilAllCompared(this.#runtime, this.#ending.signal).catch((error) => {
      this.#allCompared = undefined;
      throw error;
    });
    const late = Promise.withResolvers<never>();
    const stopWaiting = this.#runtime.clock.after(patienceMs, () =>
      late.reject(
        fail('unavailable', 'hosts have yet to compare their guests with what the store has since it was started', {
          disposition: 'retry',
        }),
      ),
    );
    await Promise.race([this.#allCompared, late.promise]).finally(stopWaiting);
  }
}
