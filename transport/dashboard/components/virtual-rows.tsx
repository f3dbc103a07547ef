/** A long list, of which only those rows are in the page that can be seen. All are of one height. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren, RefObject } from 'preact';
import { useLayoutEffect } from 'preact/hooks';

/** Rows beyond those that can be seen, so that quick scrolling finds them there. */
const spare = 10;

/** Those in the page: from the one up to, and without, the other. */
export interface Rows {
  from: number;
  to: number;
}

/** Which rows of `count` can be seen in what scrolls; `rowHeight` is in pixels. */
export function useRows(scroller: RefObject<HTMLElement>, count: number, rowHeight: number): Rows {
  const first = useSignal(0);
  const visible = useSignal(0);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const look = () => {
      first.value = Math.max(0, Math.floor(element.scrollTop / rowHeight));
      visible.value = Math.ceil(element.clientHeight / rowHeight);
    };
    look();
    const resized = new ResizeObserver(look);
    resized.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      resized.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, [scroller, rowHeight, first, visible]);

  return {
    from: Math.max(0, Math.min(first.value, count - 1) - spare),
    to: Math.min(count, first.value + visible.value + spare),
  };
}

interface VirtualRowsProps extends Rows {
  count: number;
  rowHeight: number;
  row(index: number): ComponentChildren;
}

export function VirtualRows({ from, to, count, rowHeight, row }: VirtualRowsProps) {
  return (
    <div class="virtual" role="rowgroup" style={{ height: `${count * rowHeight}px` }}>
      <div role="presentation" style={{ transform: `translateY(${from * rowHeight}px)` }}>
        {Array.from({ length: Math.max(0, to - from) }, (_, offset) => row(from + offset))}
      </div>
    </div>
  );
}

/** Scrolls as little as shows a row; `above` is what stays on top of the rows, in pixels. */
export function reveal(
  element: HTMLElement,
  index: number,
  { above, rowHeight }: { above: number; rowHeight: number },
): void {
  const [top, bottom] = [index * rowHeight, (index + 1) * rowHeight + above];
  if (top < element.scrollTop) element.scrollTop = top;
  else if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight;
}
