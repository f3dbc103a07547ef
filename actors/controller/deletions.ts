/**
 * Tells of instances that are deleted, a moment after they are: of the many versions that a record goes through, only
 * the one in which it comes to rest is read.
 */

import type { Clock } from '../../transport/clock.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';

/** How long changes are gathered before they are looked at (ms). */
const gatherMs = 500;

/** The listener may be told of an instance again. Returns the function that takes it away. */
export function onDeleted(clock: Clock, instances: View<Instance>, listener: (deleted: Instance) => void): () => void {
  const changed = new Set<string>();
  let cancel: (() => void) | undefined;

  function look(): void {
    cancel = undefined;
    const uuids = [...changed];
    changed.clear();
    for (const uuid of uuids) {
      const instance = instances.get(uuid);
      if (instance?.vmState === 'deleted') listener(instance);
    }
  }

  const stopListening = instances.onChange(({ key }) => {
    changed.add(key);
    cancel ??= clock.after(gatherMs, look);
  });
  return () => {
    stopListening();
    cancel?.();
  };
}
