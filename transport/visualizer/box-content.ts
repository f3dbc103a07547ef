/** What stands in a box of a chart, each at its place from the box's upper left corner. */
import type { ChartState } from './chart.ts';
import type { Box, Exit } from './outline.ts';
import { textWidth } from './text-width.ts';

export interface BoxContent {
  width: number;
  height: number;
  name: Placed;
  /** What a reader should know who sees the whole chart. */
  notes: Placed[];
  /** What it has done meanwhile. */
  invokes: (Placed & { width: number })[];
  /** The states of a folded one. */
  steps: (Placed & { state: ChartState })[];
  /** The target stands beside the words, or beneath them where that would be too wide. */
  exits: { exit: Exit; words: Placed; target: Placed }[];
}

/** A text; `y` is its base line. */
export interface Placed {
  text: string;
  x: number;
  y: number;
}

export const sizes = { title: 18, name: 13, small: 11 } as const;
export const invokePadding = 6;

export const padding = 12;
const rowHeight = 16;
const minWidth = 96;
/** Of an exit on one line. */
const maxExitWidth = 196;
const indentation = 12;
const stepIndentation = 14;
/** Beside each name there is room to say how long a state took. */
export const timeWidth = 40;

export function contentOf({ state, isFolded, exits }: Box): BoxContent {
  const isRoot = state.path === '';
  const nameSize = isRoot ? sizes.title : sizes.name;
  let bottom = isRoot ? 12 : 7;
  const row = (text: string, x: number, height = rowHeight) => {
    bottom += height;
    return { text, x, y: bottom - (height - sizes.small) / 2 - 2 };
  };

  const name = row(state.name, padding, isRoot ? 26 : 22);
  const notes = isRoot ? notesOf(state, exits).map((each) => row(each, padding)) : [];
  const invokes = state.invokes.map((text) => ({
    ...row(text, padding + invokePadding, 19),
    width: small(text) + 2 * invokePadding,
  }));
  const steps = isFolded
    ? state.states.map((each) => ({ ...row(each.name, padding + stepIndentation), state: each }))
    : [];
  if (exits.length > 0 && !isRoot) bottom += 4;
  const placedExits = exits.map((exit) => {
    const words = row(exit.words, padding);
    const target = targetWords(exit, state);
    if (small(`${exit.words} ${target}`) <= maxExitWidth) {
      return { exit, words, target: { ...words, text: target, x: padding + small(`${exit.words} `) } };
    }
    return { exit, words, target: row(target, padding + indentation, rowHeight - 2) };
  });

  const width = Math.max(
    minWidth,
    padding + textWidth(state.name, { size: nameSize, isBold: true }) + timeWidth + padding,
    ...invokes.map((each) => padding + each.width + padding),
    ...steps.map(({ text, x }) => x + small(text) + timeWidth + padding),
    ...[...notes, ...placedExits.flatMap(({ words, target }) => [words, target])].map(
      ({ text, x }) => x + small(text) + padding,
    ),
  );
  return { width: Math.ceil(width), height: bottom + 7, name, notes, invokes, steps, exits: placedExits };
}

function notesOf({ description }: ChartState, exits: readonly Exit[]): string[] {
  return [...(description === undefined ? [] : [description]), ...(exits.length === 0 ? [] : ['In every state:'])];
}

/** As a machine names it: `stopped` beside the state, `.stopped` within it, else the whole path. */
function targetWords({ target }: Exit, { path }: ChartState): string {
  if (target === undefined) return 'stays';
  if (target === path) return '→ itself';
  const beside = path.slice(0, path.lastIndexOf('.') + 1);
  if (path !== '' && target.startsWith(`${path}.`)) return `→ ${target.slice(path.length)}`;
  return `→ ${target.startsWith(beside) ? target.slice(beside.length) : target}`;
}

function small(text: string): number {
  return textWidth(text, { size: sizes.small });
}
