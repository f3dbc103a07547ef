/** Keeps the focus near when the control that has it goes away: what may be done changes while somebody is about it. */
import type { RefObject } from 'preact';
import { useLayoutEffect } from 'preact/hooks';

/** What the focus is in, which has to be focusable itself. To be called each time that what is in it changes. */
export function useFocusWithin(element: RefObject<HTMLElement>): void {
  // Nothing of the page has changed yet. A dialog gives the focus back by itself.
  const { activeElement } = document;
  const hadFocus = element.current?.contains(activeElement) === true && !activeElement?.closest('dialog');
  useLayoutEffect(() => {
    if (hadFocus && document.activeElement === document.body) element.current?.focus();
  });
}
