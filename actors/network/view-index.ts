/** A view's records by something other than their key, kept as the view changes. */
import type { Entry } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';

export class ViewIndex<T> {
  readonly #view: View<T>;
  readonly #keys = new Map<string, Set<string>>();
  readonly #stopListening: () => void;

  constructor(view: View<T>, groupOf: (value: T) => string) {
    this.#view = view;
    for (const { key, value } of view.entries()) this.#add(groupOf(value), key);
    this.#stopListening = view.onChange(({ key, before, after }) => {
      if (before) this.#remove(groupOf(before), key);
      if (after) this.#add(groupOf(after), key);
    });
  }

  keys(group: string): ReadonlySet<string> {
    return this.#keys.get(group) ?? none;
  }

  entries(group: string): Entry<T>[] {
    return [...this.keys(group)].map((key) => this.#view.entry(key)).filter((entry) => entry !== undefined);
  }

  close(): void {
    this.#stopListening();
  }

  #add(group: string, key: string): void {
    const keys = this.#keys.get(group);
    if (keys) keys.add(key);
    else this.#keys.set(group, new Set([key]));
  }

  #remove(group: string, key: string): void {
    const keys = this.#keys.get(group);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(group);
  }
}

const none: ReadonlySet<string> = new Set();
