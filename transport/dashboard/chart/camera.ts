/** What part of a picture is seen, in the picture's own coordinates. */
import type { Point, Rectangle } from '../../visualizer/picture.ts';

export interface Size {
  width: number;
  height: number;
}

/** `x`, `y`: what is in the upper left corner; `scale`: pixels of the window for one of the picture. */
export interface Camera extends Point {
  scale: number;
}

const leastScale = 0.15;
const mostScale = 3;
/** What is shown first can be read. */
const legibleScale = 0.85;
/** Around what is shown (pixels). */
const margin = 24;

/** All of it, in the middle. */
export function showAll(picture: Size, window: Size): Camera {
  const scale = within(
    Math.min((window.width - 2 * margin) / picture.width, (window.height - 2 * margin) / picture.height, 1),
  );
  return centred({ x: 0, y: 0, ...picture }, window, scale);
}

/** As much as can be read, from its top. */
export function showFirst(picture: Size, window: Size): Camera {
  const scale = Math.max(legibleScale, Math.min(1, (window.width - 2 * margin) / picture.width));
  const { x } = centred({ x: 0, y: 0, ...picture }, window, scale);
  return { scale, x, y: -margin / scale };
}

/** As it is where the thing can be seen already, else with it in the middle, or as much of it as there is room for. */
export function reveal(thing: Rectangle, camera: Camera, window: Size): Camera {
  const edge = margin / camera.scale;
  const isSeen =
    thing.x - edge >= camera.x &&
    thing.y - edge >= camera.y &&
    thing.x + thing.width + edge <= camera.x + window.width / camera.scale &&
    thing.y + thing.height + edge <= camera.y + window.height / camera.scale;
  return isSeen ? camera : centred(thing, window, camera.scale);
}

/** Nearer or farther, with the same point of the picture under the same point of the window. */
export function zoom(camera: Camera, factor: number, at: Point): Camera {
  const scale = within(camera.scale * factor);
  return {
    scale,
    x: camera.x + at.x / camera.scale - at.x / scale,
    y: camera.y + at.y / camera.scale - at.y / scale,
  };
}

/** By pixels of the window. */
export function move(camera: Camera, by: Point): Camera {
  return { ...camera, x: camera.x - by.x / camera.scale, y: camera.y - by.y / camera.scale };
}

function centred(thing: Rectangle, window: Size, scale: number): Camera {
  const corner = (start: number, length: number, room: number) => {
    const spare = room / scale - length;
    return start - Math.max(spare / 2, margin / scale);
  };
  return { scale, x: corner(thing.x, thing.width, window.width), y: corner(thing.y, thing.height, window.height) };
}

function within(scale: number): number {
  return Math.min(mostScale, Math.max(leastScale, scale));
}
