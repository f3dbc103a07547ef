/** A view's records by something other than their key, as they are when it is asked. */
import type { Entry } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import { ChangedKeys } from '../records/changed-keys.ts';

export class ViewIndex<T> {
  readonly #view: View<T>;
  readonly #groupOf: (value: T) => string;
  readonly #changed: ChangedKeys;
  readonly #keys = new Map<string, Set<string>>();
  /** By key. */
  readonly #groups = new Map<string, string>();

  constructor(view: View<T>, groupOf: (value: T) => string) {
    this.#view = view;
    this.#groupOf = groupOf;
    this.#changed = new ChangedKeys(view);
  }

  keys(group: string): ReadonlySet<string> {
    for (const key of this.#changed.take()) this.#place(key);
    return this.#keys.get(group) ?? none;
  }

  entries(group: string): Entry<T>[] {
    return [...this.keys(group)].map((key) => this.#view.entry(key)).filter((entry) => entry !== undefined);
  }

  close(): void {
    this.#changed.close();
  }

  #place(key: string): void {
    const value = this.#view.get(key);
    const before = this.#groups.get(key);
    const group = value === undefined ? undefined : this.#groupOf(value);
    if (group === before) return;
    if (before !== undefined) this.#remove(before, key);
    if (group === undefined) this.#groups.delete(key);
    else this.#add(group, key);
  }

  #add(group: string, key: string): void {
    this.#groups.set(key, group);
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
