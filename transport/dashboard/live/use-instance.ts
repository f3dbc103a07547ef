/** The instance that a page is about, also one that is in no list: it is deleted, or another project's. */
import { type ReadonlySignal, useComputed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Failure, toFailure } from '../../../machines/failure.ts';
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { useAsked } from '../use-asked.ts';
import { listen } from './connection.ts';
import { forget, instanceOf, keep, put } from './instances.ts';

export interface ShownInstance {
  instance: InstanceView | undefined;
  /** Why it is not known, or not anew. */
  failure: ReadonlySignal<Failure | undefined>;
}

/** Of a page for which the uuid stays the same; without one there is none. */
export function useInstance(uuid: string | undefined): ShownInstance {
  const { failure, reload } = useAsked(async () => {
    if (uuid !== undefined) await look(uuid);
  }, [uuid]);
  useEffect(() => {
    if (uuid === undefined) return;
    const leave = keep(uuid);
    const stop = listen({ facts() {}, reset: () => void reload() });
    return () => {
      stop();
      leave();
    };
  }, [uuid, reload]);
  const instance = useComputed(() => (uuid === undefined ? undefined : instanceOf(uuid))).value;
  return { instance, failure };
}

async function look(uuid: string): Promise<void> {
  try {
    put((await ask(api.instance.get, { uuid })).instance);
  } catch (error) {
    if (toFailure(error).code === 'not_found') forget(uuid);
    throw error;
  }
}
