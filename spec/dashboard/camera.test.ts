import { describe, expect, it } from 'vitest';
import { type Camera, move, reveal, showAll, showFirst, zoom } from '../../transport/dashboard/chart/camera.ts';

const window = { width: 800, height: 600 };
const chart = { width: 1400, height: 2000 };
const camera: Camera = { x: 100, y: 200, scale: 1 };

/** What of the picture is under a point of the window. */
function under({ x, y, scale }: Camera, point: { x: number; y: number }) {
  return { x: x + point.x / scale, y: y + point.y / scale };
}

describe('the camera', () => {
  it('shows all of a picture that is larger than the window', () => {
    const all = showAll(chart, window);
    const corner = under(all, { x: 0, y: 0 });
    const other = under(all, { x: window.width, y: window.height });
    expect([corner.x <= 0, corner.y <= 0, other.x >= chart.width, other.y >= chart.height]).toEqual(
      Array.from({ length: 4 }, () => true),
    );
  });

  it('begins at the top, as large as can be read', () => {
    const first = showFirst(chart, window);
    expect(first.scale).toBeGreaterThan(0.8);
    expect(first.x).toBeLessThan(0);
    expect(first.y).toBeLessThan(0);
  });

  it('has the same under the pointer when it comes nearer', () => {
    const pointer = { x: 600, y: 50 };
    const nearer = zoom(camera, 1.7, pointer);
    expect(nearer.scale).toBeCloseTo(1.7);
    expect(under(nearer, pointer)).toEqual({ x: expect.closeTo(700), y: expect.closeTo(250) });
  });

  it('goes with what is dragged', () => {
    expect(move({ ...camera, scale: 2 }, { x: 40, y: -10 })).toEqual({ x: 80, y: 205, scale: 2 });
  });

  it('stays where it is as long as the thing can be seen, and else has it in the middle', () => {
    expect(reveal({ x: 200, y: 300, width: 100, height: 50 }, camera, window)).toBe(camera);
    const moved = reveal({ x: 1000, y: 1500, width: 100, height: 50 }, camera, window);
    expect(under(moved, { x: 400, y: 300 })).toEqual({ x: 1050, y: 1525 });
  });

  it('shows the top of what is larger than the window', () => {
    const moved = reveal({ x: 0, y: 1000, width: 100, height: 900 }, camera, window);
    expect(under(moved, { x: 0, y: 24 }).y).toBe(1000);
  });
});
