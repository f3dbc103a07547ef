/** Charts to look at, and how much of a picture lies on something else. */
import { setup } from 'xstate';
import { type Chart, chartOf } from '../../transport/visualizer/chart.ts';
import { elkInProcess } from '../../transport/visualizer/elk-in-process.ts';
import { foldableStates } from '../../transport/visualizer/export.ts';
import type { Box } from '../../transport/visualizer/outline.ts';
import type { DrawnBox, Rectangle } from '../../transport/visualizer/picture.ts';

export const elk = elkInProcess();

/** Has something of everything that a machine may have. */
export const lamp = chartOf(
  setup({
    delays: { patience: 5_000 },
    guards: { hasPower: () => true, isBrighterThan: (_, { lumen }: { lumen: number }) => lumen > 0 },
    actions: { count: () => {}, say: (_, { what }: { what: string }) => void what },
  }).createMachine({
    id: 'lamp',
    description: 'A lamp that everybody knows.',
    initial: 'off',
    on: { 'lamp.break': { target: '.broken' } },
    states: {
      off: {
        description: 'It is dark.',
        tags: 'dark',
        entry: 'count',
        on: {
          'lamp.press': [
            { guard: 'hasPower', target: 'on', actions: { type: 'say', params: { what: 'light' } } },
            { target: 'off', reenter: true },
          ],
          'dust.settled': { actions: 'count' },
        },
      },
      on: {
        initial: 'dim',
        onDone: { target: 'off' },
        after: { patience: { target: 'off' } },
        states: {
          dim: { on: { 'lamp.press': { guard: { type: 'isBrighterThan', params: { lumen: 5 } }, target: 'bright' } } },
          bright: { always: { target: 'burning' } },
          burning: { type: 'final' },
        },
      },
      broken: { type: 'final' },
    },
  }),
);

/** Folded, and with all that it has. */
export function waysToUnfold(chart: Chart): ReadonlySet<string>[] {
  return [new Set(), new Set(foldableStates(chart)), ...foldableStates(chart).map((state) => new Set([state]))];
}

export function boxesWithin(box: Box): Box[] {
  return [box, ...box.boxes.flatMap(boxesWithin)];
}

export function drawnWithin(drawn: DrawnBox): DrawnBox[] {
  return [drawn, ...drawn.boxes.flatMap(drawnWithin)];
}

export function doOverlap(one: Rectangle, other: Rectangle): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  );
}
