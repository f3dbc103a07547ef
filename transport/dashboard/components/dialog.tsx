/** A question that has to be answered first: the browser's own dialog, which keeps the focus and closes by Escape. */
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { isSignedIn } from '../session.ts';

export function Dialog({ title, onClose, children }: { title: string; onClose(): void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useLayoutEffect(() => {
    const before = document.activeElement;
    // One that is taken out of the page gives the focus back to nobody.
    return () => setTimeout(() => giveFocusBack(before));
  }, []);
  // Whoever has to sign in first finds it again: it would keep them from it.
  const isOpen = isSignedIn.value;
  useLayoutEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return (
    <dialog ref={dialog} aria-labelledby={heading} onClose={() => isSignedIn.peek() && onClose()}>
      <h2 id={heading}>{title}</h2>
      {children}
    </dialog>
  );
}

/** To where it was, or, when that is no more, to the page; unless somebody has it by now. */
function giveFocusBack(before: Element | null): void {
  for (const next of [before, document.querySelector('main')]) {
    if (document.activeElement !== document.body) return;
    if (next instanceof HTMLElement) next.focus();
  }
}
