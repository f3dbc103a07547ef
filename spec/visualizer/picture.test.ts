import { describe, expect, it } from 'vitest';
import { knownChart } from '../../transport/visualizer/known-charts.ts';
import { outlineOf } from '../../transport/visualizer/outline.ts';
import {
  type DrawnBox,
  type DrawnLine,
  type Point,
  pictureOf,
  type Rectangle,
} from '../../transport/visualizer/picture.ts';
import { svgFile } from '../../transport/visualizer/svg.ts';
import { doOverlap, drawnWithin, elk, lamp, waysToUnfold } from './support.ts';

const charts = [lamp, knownChart('instance'), knownChart('host')];
const pictures = await Promise.all(
  charts.flatMap((chart) =>
    waysToUnfold(chart).map(async (unfolded) => {
      const title = `${chart.id}, ${[...unfolded].join(', ') || 'nothing'} unfolded`;
      return { title, picture: await pictureOf(outlineOf(chart, unfolded), elk) };
    }),
  ),
);

describe.each(pictures)('the picture of $title', ({ picture }) => {
  const levels = drawnWithin(picture).filter(({ boxes }) => boxes.length > 0);

  it('has every box within its parent, beneath what is written there', () => {
    for (const level of levels) {
      const inside = { ...level, y: level.y + level.content.height, height: level.height - level.content.height };
      expect(level.boxes.filter((box) => !contains(inside, box))).toEqual([]);
    }
  });

  it('has no box and no words on each other', () => {
    for (const { boxes, lines } of levels) {
      const things = [...boxes, ...lines.map(({ label }) => label)];
      expect(overlapping(things)).toEqual([]);
    }
  });

  it('has all the lines of its outline, none through a box, and none upon another', () => {
    for (const { box, boxes, lines } of levels) {
      expect(lines.map(({ line }) => line)).toEqual(box.lines);
      const segments = lines.flatMap(segmentsOf);
      expect(segments.filter((segment) => boxes.some((each) => doOverlap(segment, shrunk(each))))).toEqual([]);
      expect(
        lines.flatMap((one, index) => lines.slice(index + 1).filter((other) => doRunTogether(one, other))),
      ).toEqual([]);
    }
  });

  it('has each line from the border of one of its ends to that of the other', () => {
    for (const { boxes, lines } of levels) {
      const boxAt = (path: string) => boxes.find(({ box }) => box.state.path === path);
      for (const { line, points } of lines) {
        expect(isOnBorder(points.at(0), boxAt(line.from)), `${line.from} → ${line.to}`).toBe(true);
        expect(isOnBorder(points.at(-1), boxAt(line.to)), `${line.from} → ${line.to}`).toBe(true);
      }
    }
  });
});

describe('as SVG', () => {
  it('every state can be found, also the steps of a folded one, and every transition', async () => {
    const instance = knownChart('instance');
    const svg = svgFile(await pictureOf(outlineOf(instance), elk));
    for (const path of ['spawning', 'spawning.creatingDisks', 'failed.networking', 'running']) {
      expect(svg).toContain(`data-state="${path}"`);
    }
    const ids = [...svg.matchAll(/data-transitions="([^"]*)"/g)].flatMap(([, found = '']) => found.split(' '));
    expect(new Set(ids).size).toBeGreaterThan(100);
    expect(svg).toContain('<title>running\nThe guest runs.');
  });

  it('what a machine says of itself is text, and nothing else', async () => {
    const evil = { ...lamp, root: { ...lamp.root, name: '<script>"&', description: '</title><b>' } };
    const svg = svgFile(await pictureOf(outlineOf(evil), elk));
    expect(svg).toContain('&lt;script&gt;&quot;&amp;');
    expect(svg).not.toMatch(/<script|<b>/);
  });

  it('the same chart is the same text each time', async () => {
    const draw = async () => svgFile(await pictureOf(outlineOf(knownChart('instance')), elk));
    expect(await draw()).toBe(await draw());
  });
});

function overlapping(things: readonly Rectangle[]): [Rectangle, Rectangle][] {
  return things.flatMap((one, index) =>
    things.slice(index + 1).flatMap((other): [Rectangle, Rectangle][] => (doOverlap(one, other) ? [[one, other]] : [])),
  );
}

function contains(outer: Rectangle, inner: Rectangle): boolean {
  return (
    inner.x > outer.x &&
    inner.y > outer.y &&
    inner.x + inner.width < outer.x + outer.width &&
    inner.y + inner.height < outer.y + outer.height
  );
}

function segmentsOf({ points }: Pick<DrawnLine, 'points'>): Rectangle[] {
  return points.slice(1).map((to, index) => {
    const from = points[index] ?? to;
    const [x, y] = [Math.min(from.x, to.x), Math.min(from.y, to.y)];
    return { x, y, width: Math.abs(from.x - to.x), height: Math.abs(from.y - to.y) };
  });
}

/** Lines may cross; that they share more than a point would make them one. */
function doRunTogether(one: DrawnLine, other: DrawnLine): boolean {
  const thick = ({ x, y, width, height }: Rectangle) => ({ x: x - 1, y: y - 1, width: width + 2, height: height + 2 });
  const isUpright = ({ width, height }: Rectangle) => height > width;
  return segmentsOf(one).some((a) =>
    segmentsOf(other).some((b) => isUpright(a) === isUpright(b) && doOverlap(thick(a), thick(b))),
  );
}

function shrunk({ x, y, width, height }: Rectangle): Rectangle {
  return { x: x + 1, y: y + 1, width: width - 2, height: height - 2 };
}

function isOnBorder(point: Point | undefined, box: DrawnBox | undefined): boolean {
  if (!point || !box) return false;
  const nearby = { x: point.x - 1, y: point.y - 1, width: 2, height: 2 };
  return doOverlap(nearby, box) && !contains(shrunk(box), nearby);
}
