/** A host's own book of who holds what of its capacity. Nova's resource tracker: the scheduler guesses, the host decides. */
import { fail } from '../../machines/failure.ts';
import type { Host } from '../../transport/messages/records.ts';
import type { Share } from '../instance/held-share.ts';
import type { Capacity } from './capacity.ts';

const nothing: Share = { vcpus: 0, memoryMb: 0, rootGb: 0 };

export class Claims {
  readonly #limits: Capacity;
  readonly #held = new Map<string, Share>();
  readonly #used: Capacity = { vcpus: 0, memoryMb: 0, diskGb: 0 };

  constructor(capacity: Capacity, ratio: Host['allocationRatio']) {
    this.#limits = {
      vcpus: capacity.vcpus * ratio.vcpus,
      memoryMb: capacity.memoryMb * ratio.memoryMb,
      diskGb: capacity.diskGb * ratio.diskGb,
    };
  }

  get used(): Readonly<Capacity> {
    return this.#used;
  }

  /** Idempotent by uuid. Rejects with `claim_refused`, to be placed elsewhere, when it does not fit. */
  claim(uuid: string, share: Share): void {
    if (!this.#held.has(uuid)) this.change(uuid, share);
  }

  /** Makes the share of the instance another one. Rejects with `claim_refused` when it would grow, and does not fit. */
  change(uuid: string, share: Share): void {
    const held = this.#held.get(uuid) ?? nothing;
    const wanted = {
      vcpus: share.vcpus - held.vcpus,
      memoryMb: share.memoryMb - held.memoryMb,
      diskGb: share.rootGb - held.rootGb,
    };
    for (const resource of ['vcpus', 'memoryMb', 'diskGb'] as const) {
      const free = this.#limits[resource] - this.#used[resource];
      if (wanted[resource] > Math.max(0, free)) {
        throw fail(
          'claim_refused',
          `the host has ${Math.floor(free)} ${resource} free, ${wanted[resource]} are asked for`,
          {
            disposition: 'reschedule',
            details: { resource, free, requested: wanted[resource] },
          },
        );
      }
    }
    this.release(uuid);
    this.hold(uuid, share);
  }

  /** Books what is there already, even past the limits: what runs, runs. */
  hold(uuid: string, share: Share): void {
    if (this.#held.has(uuid)) return;
    this.#held.set(uuid, share);
    this.#count(share, 1);
  }

  release(uuid: string): void {
    const share = this.#held.get(uuid);
    if (!share) return;
    this.#held.delete(uuid);
    this.#count(share, -1);
  }

  #count({ vcpus, memoryMb, rootGb }: Share, by: 1 | -1): void {
    this.#used.vcpus += by * vcpus;
    this.#used.memoryMb += by * memoryMb;
    this.#used.diskGb += by * rootGb;
  }
}
