/** Dead letters that a test holds in its hand, for consumers that have no store. */
import type { Failure } from '../../machines/failure.ts';
import type { DeadLetters } from '../../transport/nats/cast.ts';

export interface HeldDeadLetters extends DeadLetters {
  /** By the place of the cast in the queue. */
  readonly kept: Map<number, Failure | 'being tried'>;
}

export function holdDeadLetters(): HeldDeadLetters {
  const kept: HeldDeadLetters['kept'] = new Map();
  return {
    kept,
    async begin({ sequence }) {
      if (kept.has(sequence)) return false;
      kept.set(sequence, 'being tried');
      return true;
    },
    async withdraw({ sequence }) {
      kept.delete(sequence);
    },
    async keep({ sequence }, failure) {
      kept.set(sequence, failure);
    },
  };
}
