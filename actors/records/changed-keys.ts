/**
 * The keys of a view that changed since somebody looked last. What is counted over all records is brought up to date by it
 * when it is asked for, and not with every version of every record.
 */
import type { View } from '../../transport/nats/view.ts';

export class ChangedKeys {
  readonly #stopListening: () => void;
  #keys = new Set<string>();

  /** In the beginning, all of them. */
  constructor(view: View<unknown>) {
    for (const { key } of view.entries()) this.#keys.add(key);
    this.#stopListening = view.onChange(({ key }) => this.#keys.add(key));
  }

  /** In the order in which they changed first. */
  take(): Iterable<string> {
    const keys = this.#keys;
    if (keys.size > 0) this.#keys = new Set();
    return keys;
  }

  close(): void {
    this.#stopListening();
  }
}
