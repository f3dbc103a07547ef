/** What happened, the latest first: any moment of it can be gone back to, by the list, the slider or the buttons. */
import type { Signal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { failuresIn } from '../../visualizer/path-taken.ts';
import { Dotted } from '../components/dotted.tsx';
import { formatDuration, formatMoment, plural } from '../format.ts';
import type { ToldMoment } from './moments.ts';

/** What follows within it is told by how much later it was, and else by its day and time. */
const mostTogetherMs = 60_000;

interface TimelineProps {
  moments: readonly ToldMoment[];
  /** The place of the moment that is looked at; absent: the latest, whichever that is. */
  chosen: Signal<number | undefined>;
}

export function Timeline({ moments, chosen }: TimelineProps) {
  const last = moments.length - 1;
  const place = Math.min(chosen.value ?? last, last);
  const list = useRef<HTMLOListElement>(null);
  const failures = useMemo(() => failuresIn(moments), [moments]);
  const go = (to: number) => {
    // Whoever goes to the end follows what comes.
    chosen.value = to >= last ? undefined : Math.max(0, to);
  };

  useEffect(() => {
    const shown = list.current?.querySelector('[aria-current]');
    if (list.current && shown) scrollTo(shown, list.current);
  }, [place]);

  if (moments.length === 0) return null;
  const begun = beginnings(moments);
  const latestFirst = moments.map((moment, index) => [moment, index] as const).toReversed();
  return (
    <section class="timeline" aria-labelledby="history">
      <h2 id="history">
        History <span class="count">{plural(moments.length, 'event')}</span>
      </h2>
      <fieldset class="steps" aria-label="Time travel">
        {/* One that is disabled would lose the focus. */}
        <button type="button" onClick={() => go(0)} aria-disabled={place === 0}>
          First
        </button>
        <button type="button" onClick={() => go(place - 1)} aria-disabled={place === 0}>
          Back
        </button>
        <button type="button" onClick={() => go(place + 1)} aria-disabled={place === last}>
          Forth
        </button>
        <button type="button" aria-pressed={chosen.value === undefined} onClick={() => go(last)}>
          Live
        </button>
      </fieldset>
      <input
        type="range"
        aria-label="Moment"
        aria-valuetext={moments[place]?.words}
        min={0}
        max={last}
        value={place}
        onInput={({ currentTarget }) => go(Number(currentTarget.value))}
      />
      <ol ref={list}>
        {latestFirst.map(([moment, index]) => (
          <li key={moment.key} class={classesOf(moment, failures.has(moment), index > place)}>
            {begun[index] !== begun[index + 1] && (
              <p class="begun">
                <time dateTime={new Date(begun[index] ?? 0).toISOString()}>{formatMoment(begun[index] ?? 0)}</time>
              </p>
            )}
            <button
              type="button"
              aria-expanded={index === place}
              {...(index === place && { 'aria-current': 'step' })}
              onClick={() => go(index)}
              title={formatMoment(moment.at)}
            >
              <span class="when">+{formatDuration(Math.max(0, moment.at - (begun[index] ?? 0)))}</span>
              <span class="told">
                <Dotted name={moment.words} />
              </span>
            </button>
            {failures.has(moment) && <p class="bad">{moment.fault}</p>}
            {index === place && (
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what is longer than it is high is scrolled with the keyboard.
              <pre tabIndex={0}>{JSON.stringify(moment.payload, undefined, 2)}</pre>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** When what each moment is part of began. It is at most a minute ago, so that steps tell how they follow each other. */
function beginnings(moments: readonly ToldMoment[]): number[] {
  let begun = Number.NEGATIVE_INFINITY;
  return moments.map(({ at }) => {
    if (at - begun >= mostTogetherMs) begun = at;
    return begun;
  });
}

/** Moves the list alone: where that is as high as all that is in it, the page stays where it is. */
function scrollTo(shown: Element, list: Element): void {
  const [inner, outer] = [shown.getBoundingClientRect(), list.getBoundingClientRect()];
  const [above, below] = [outer.top - inner.top, inner.bottom - outer.bottom];
  if (above > 0) list.scrollTop -= above;
  else if (below > 0) list.scrollTop += below;
}

function classesOf({ isMove }: ToldMoment, isFailure: boolean, isLater: boolean): string {
  return [isMove ? 'came' : 'noted', ...(isFailure ? ['failure'] : []), ...(isLater ? ['later'] : [])].join(' ');
}
