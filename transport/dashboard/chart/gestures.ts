/** Moves a camera by what the pointers on an element do: one drags, two zoom, the wheel zooms. */
import type { Signal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Point } from '../../visualizer/picture.ts';
import { type Camera, move, zoom } from './camera.ts';

/** A pointer that has moved less has clicked (pixels). */
const slack = 4;
/** How much a turn of the wheel by one pixel zooms. */
const wheelZoom = 1.0015;

/** `onClick` is told what was under a pointer that did not move. */
export function useGestures(
  frame: RefObject<HTMLElement>,
  camera: Signal<Camera | undefined>,
  onClick: (on: Element) => void,
): void {
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const pointers = new Map<number, Point>();
    let moved = 0;

    const at = ({ clientX, clientY }: MouseEvent): Point => {
      const { left, top } = element.getBoundingClientRect();
      return { x: clientX - left, y: clientY - top };
    };
    const change = (next: (now: Camera) => Camera) => {
      if (camera.value) camera.value = next(camera.value);
    };

    const onDown = (event: PointerEvent) => {
      if (pointers.size === 0) moved = 0;
      pointers.set(event.pointerId, at(event));
    };
    const onMove = (event: PointerEvent) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      // It was released where nobody told.
      if (event.buttons === 0) return onCancel(event);
      const now = at(event);
      const [other] = [...pointers].flatMap(([id, point]) => (id === event.pointerId ? [] : [point]));
      pointers.set(event.pointerId, now);
      moved += distance(before, now);
      if (moved > slack && !element.hasPointerCapture(event.pointerId)) element.setPointerCapture(event.pointerId);
      if (!other) change((it) => move(it, { x: now.x - before.x, y: now.y - before.y }));
      else change((it) => zoom(it, distance(now, other) / Math.max(1, distance(before, other)), between(now, other)));
    };
    const onUp = (event: PointerEvent) => {
      if (pointers.delete(event.pointerId) && moved <= slack && event.target instanceof Element) onClick(event.target);
    };
    const onCancel = ({ pointerId }: PointerEvent) => void pointers.delete(pointerId);
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      change((it) => zoom(it, wheelZoom ** -event.deltaY, at(event)));
    };

    element.addEventListener('pointerdown', onDown);
    element.addEventListener('pointermove', onMove);
    element.addEventListener('pointerup', onUp);
    element.addEventListener('pointercancel', onCancel);
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => {
      element.removeEventListener('pointerdown', onDown);
      element.removeEventListener('pointermove', onMove);
      element.removeEventListener('pointerup', onUp);
      element.removeEventListener('pointercancel', onCancel);
      element.removeEventListener('wheel', onWheel);
    };
  }, [frame, camera, onClick]);
}

function distance(one: Point, other: Point): number {
  return Math.hypot(one.x - other.x, one.y - other.y);
}

function between(one: Point, other: Point): Point {
  return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
}
