/** What of a picture is lit, and what is written beside it, for a path that was taken. */
import { padding } from '../../visualizer/box-content.ts';
import type { PathTaken } from '../../visualizer/path-taken.ts';
import type { DrawnBox, Point, Rectangle } from '../../visualizer/picture.ts';
import { formatBriefly, formatDuration } from '../format.ts';

/** The box of a state, or that of the one that it is a step of. */
export interface ShownState extends Rectangle {
  path: string;
  /** Where the end of what is written beside its name stands. */
  beside: Point;
  /** Whether giving back is what it does. */
  isUndoing: boolean;
}

export function shownStates({ box, content, x, y, width, height, boxes }: DrawnBox): ShownState[] {
  const right = x + width - padding;
  const isUndoing = (tags: readonly string[]) => tags.includes('givingBack') || box.state.tags.includes('givingBack');
  return [
    {
      path: box.state.path,
      x,
      y,
      width,
      height,
      beside: { x: right, y: y + content.name.y },
      isUndoing: isUndoing([]),
    },
    ...content.steps.map((step) => ({
      path: step.state.path,
      x,
      y,
      width,
      height,
      beside: { x: right, y: y + step.y },
      isUndoing: isUndoing(step.state.tags),
    })),
    ...boxes.flatMap(shownStates),
  ];
}

/** By classes of its elements, which the picture's data attributes find. */
export function light(element: Element, states: readonly ShownState[], path: PathTaken | undefined): void {
  const undoing = new Set(states.filter((state) => state.isUndoing).map((state) => state.path));
  for (const shown of element.querySelectorAll('[data-state]')) {
    const state = shown.getAttribute('data-state') ?? '';
    const isVisited = state !== '' && (path?.visits.has(state) ?? false);
    shown.classList.toggle('visited', isVisited);
    shown.classList.toggle('undoing', isVisited && undoing.has(state));
    shown.classList.toggle('has-failed', path?.failed.has(state) ?? false);
    shown.classList.toggle('now', path?.now.has(state) ?? false);
    shown.classList.toggle('around-now', isAroundNow(state, path));
  }
  for (const shown of element.querySelectorAll('[data-transitions]')) {
    const ids = (shown.getAttribute('data-transitions') ?? '').split(' ');
    shown.classList.toggle(
      'taken',
      ids.some((id) => path?.taken.has(id)),
    );
    shown.classList.toggle(
      'taken-last',
      ids.some((id) => path?.latest.has(id)),
    );
  }
}

/** How long each state took that the path has left, all in all, to stand beside its name, and exactly. */
export function timesBeside(states: readonly ShownState[], { visits, now }: PathTaken) {
  return states.flatMap(({ path, beside }) => {
    const visit = visits.get(path);
    if (!visit || now.has(path) || isAroundNow(path, { now })) return [];
    return [{ path, ...beside, text: formatBriefly(visit.ms), exact: formatDuration(visit.ms) }];
  });
}

function isAroundNow(state: string, path: Pick<PathTaken, 'now'> | undefined): boolean {
  return state !== '' && [...(path?.now ?? [])].some((each) => each.startsWith(`${state}.`));
}
