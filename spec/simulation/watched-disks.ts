/** Disks that hosts of a simulated world share: sees when one is removed of which the instance is still in need. */

import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import { SimulatedDisks } from '../../actors/simulated/simulated-disks.ts';
import { holdsShare, isAtRest } from '../../machines/instance-states.ts';
import type { History } from '../checker/history.ts';

export class WatchedDisks extends SimulatedDisks {
  readonly #history: History;
  readonly #isSharer: (host: string) => boolean;
  readonly #now: () => number;

  constructor(history: History, isSharer: (host: string) => boolean, now: () => number) {
    super();
    this.#isSharer = isSharer;
    this.#history = history;
    this.#now = now;
  }

  override remove(uuid: string): void {
    const record = this.#history.latest(uuid);
    if (record && this.list().includes(uuid)) {
      const state = stateOf(record);
      const { sharedDisks, isDeleteWanted, host = '' } = contextOf(record);
      const isUsed = this.#isSharer(host) && isAtRest(state) && holdsShare(state) && state !== 'failed.releasing';
      if (!isDeleteWanted && (isUsed || sharedDisks !== undefined)) {
        this.#history.losses.push({ at: this.#now(), uuid, state });
      }
    }
    super.remove(uuid);
  }
}
