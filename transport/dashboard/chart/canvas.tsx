/** A chart that one can move about in, with what is lit in it. */
import { type ReadonlySignal, useComputed, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useCallback, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import type { PathTaken } from '../../visualizer/path-taken.ts';
import type { DrawnBox, Point } from '../../visualizer/picture.ts';
import { svgContent } from '../../visualizer/svg.ts';
import { type Camera, move, reveal, type Size, showAll, showFirst, zoom } from './camera.ts';
import { useGestures } from './gestures.ts';
import { light, type ShownState, shownStates, timesBeside } from './lights.ts';

interface CanvasProps {
  title: string;
  picture: DrawnBox;
  path: ReadonlySignal<PathTaken | undefined>;
  /** A state that is to be seen when the picture is another one. */
  focus: ReadonlySignal<string | undefined>;
  /** Told which state was clicked. */
  onState(path: string): void;
  /** What stands on it. */
  children: ComponentChildren;
}

/** What was brought into view last, and for what: a window of another size has it in view again. */
interface Brought {
  picture: DrawnBox;
  path: PathTaken | undefined;
  state: string | undefined;
}

const zoomStep = 1.25;
/** By how much an arrow key moves (pixels). */
const stepPixels = 60;
const arrows: Record<string, Point> = {
  ArrowLeft: { x: stepPixels, y: 0 },
  ArrowRight: { x: -stepPixels, y: 0 },
  ArrowUp: { x: 0, y: stepPixels },
  ArrowDown: { x: 0, y: -stepPixels },
};

export function Canvas({ title, picture, path, focus, onState, children }: CanvasProps) {
  const frame = useRef<HTMLDivElement>(null);
  const drawing = useRef<SVGGElement>(null);
  const camera = useSignal<Camera | undefined>(undefined);
  const last = useRef<Brought | undefined>(undefined);
  const size = useSize(frame);
  const states = useMemo(() => shownStates(picture), [picture]);
  const html = useMemo(() => ({ __html: svgContent(picture) }), [picture]);
  const times = useComputed(() => (path.value ? timesBeside(states, path.value) : []));

  useLayoutEffect(() => {
    if (!drawing.current) return;
    light(drawing.current, states, path.value);
    if (size.value.width === 0) return;
    const [now] = path.value?.now ?? [];
    const brought = { picture, path: path.value, state: last.current?.state };
    if (last.current?.path !== path.value) brought.state = now;
    // Whoever unfolds a state looks at that one.
    else if (last.current?.picture !== picture) brought.state = focus.peek() ?? now;
    last.current = brought;
    const before = camera.peek() ?? showFirst(picture, size.value);
    const wanted = brought.state === undefined ? undefined : shownFor(brought.state, states);
    camera.value = wanted ? reveal(wanted, before, size.value) : before;
  }, [picture, states, path.value, focus, size.value, camera]);

  const onClick = useCallback(
    (on: Element) => {
      const state = on.closest('[data-state]')?.getAttribute('data-state');
      if (state) onState(state);
    },
    [onState],
  );
  useGestures(frame, camera, onClick);

  const change = (next: (now: Camera) => Camera) => {
    if (camera.value) camera.value = next(camera.value);
  };
  const zoomBy = (factor: number) =>
    change((now) => zoom(now, factor, { x: size.value.width / 2, y: size.value.height / 2 }));
  const seeAll = () => change(() => showAll(picture, size.value));
  const onKeyDown = (event: KeyboardEvent) => {
    const arrow = arrows[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow) change((now) => move(now, arrow));
    else if (event.key === '+') zoomBy(zoomStep);
    else if (event.key === '-') zoomBy(1 / zoomStep);
    else if (event.key === '0') seeAll();
    else return;
    event.preventDefault();
  };

  const { x, y, scale } = camera.value ?? { x: 0, y: 0, scale: 1 };
  const { width, height } = size.value;
  return (
    <div class="chart-frame">
      {/* biome-ignore-start lint/a11y/noNoninteractiveTabindex: one moves about in it with the keyboard. */}
      <div
        ref={frame}
        class="chart-window"
        role="application"
        tabIndex={0}
        aria-label={`${title}. Arrow keys move it, plus and minus zoom, 0 shows all of it.`}
        onKeyDown={onKeyDown}
      >
        {/* biome-ignore-end lint/a11y/noNoninteractiveTabindex: as said. */}
        <svg
          class="chart"
          role="img"
          aria-label={title}
          viewBox={`${x} ${y} ${width / scale} ${height / scale}`}
          width={width}
          height={height}
        >
          {/* Whatever a machine says of itself is escaped there. */}
          <g ref={drawing} dangerouslySetInnerHTML={html} />
          <g class="times">
            {times.value.map(({ path: state, x: right, y: line, text, exact }) => (
              <text key={state} x={right} y={line}>
                <title>{exact}</title>
                {text}
              </text>
            ))}
          </g>
        </svg>
      </div>
      <fieldset class="chart-zoom" aria-label="View">
        <button type="button" aria-label="Nearer" onClick={() => zoomBy(zoomStep)}>
          +
        </button>
        <button type="button" aria-label="Farther" onClick={() => zoomBy(1 / zoomStep)}>
          −
        </button>
        <button type="button" onClick={seeAll}>
          Show all
        </button>
      </fieldset>
      {children}
    </div>
  );
}

/** The state itself, or the one that it is folded in. */
function shownFor(path: string, states: readonly ShownState[]): ShownState | undefined {
  return states.findLast((state) => path === state.path || (state.path !== '' && path.startsWith(`${state.path}.`)));
}

function useSize(frame: { current: HTMLElement | null }) {
  const size = useSignal<Size>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const look = () => {
      size.value = { width: element.clientWidth, height: element.clientHeight };
    };
    look();
    const resized = new ResizeObserver(look);
    resized.observe(element);
    return () => resized.disconnect();
  }, [frame, size]);
  return size;
}
