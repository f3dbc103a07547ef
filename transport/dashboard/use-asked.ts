/** Something that is asked for when it is shown, by whoever is signed in, and again when it is told to. */
import { type ReadonlySignal, useSignal, useSignalEffect } from '@preact/signals';
import { type Inputs, useCallback, useEffect, useRef } from 'preact/hooks';
import { type Failure, toFailure } from '../../machines/failure.ts';
import { mayPass } from './ask.ts';
import { isSignedIn } from './session.ts';

/** How soon it is asked for again that nobody has told and nobody looks at again (ms). */
const askAgainMs = 5_000;

export interface Asked<T> {
  /** Of the latest answer; absent: there was none yet. */
  data: ReadonlySignal<T | undefined>;
  /** Why there is no newer one. */
  failure: ReadonlySignal<Failure | undefined>;
  reload(): Promise<void>;
}

/** `everyMs`: how often it is looked at again while somebody sees it. */
export function useAsked<T>(ask: () => Promise<T>, inputs: Inputs, everyMs?: number): Asked<T> {
  const data = useSignal<T | undefined>(undefined);
  const failure = useSignal<Failure | undefined>(undefined);
  const begun = useRef(0);
  /** Up to this one, what is answered late is worth nothing: a later one was, or something else is shown. */
  const ended = useRef(0);

  const reload = useCallback(async () => {
    const mine = ++begun.current;
    const [answer, refusal] = await ask().then(
      (answer) => [answer, undefined] as const,
      (error: unknown) => [undefined, toFailure(error)] as const,
    );
    // Whoever signs in asks again.
    if (mine <= ended.current || !isSignedIn.peek()) return;
    ended.current = mine;
    failure.value = refusal;
    if (!refusal) data.value = answer;
  }, inputs);

  const isAsked = isSignedIn.value;
  useEffect(() => {
    if (!isAsked) return;
    void reload();
    const again = everyMs === undefined ? undefined : setInterval(() => document.hidden || void reload(), everyMs);
    return () => {
      ended.current = begun.current;
      clearInterval(again);
    };
  }, [reload, everyMs, isAsked]);

  useSignalEffect(() => {
    if (everyMs !== undefined || !failure.value || !mayPass(failure.value)) return;
    const again = setTimeout(reload, askAgainMs);
    return () => clearTimeout(again);
  });

  return { data, failure, reload };
}
