/** What every page begins with: its title, where it leads back to, and what can be done there. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Link } from 'wouter-preact';
import { isSignedIn } from '../session.ts';
import { Icon } from './icon.tsx';

interface PageProps {
  title: string;
  /** Beside the title. */
  aside?: ComponentChildren;
  back?: { to: string; label: string };
  actions?: ComponentChildren;
  /** Its content fills what there is of the window, and scrolls by itself. */
  isFilling?: boolean;
  children: ComponentChildren;
}

/** The address of the page that was shown last. */
let shownAt: string | undefined;

export function Page({ title, aside, back, actions, isFilling = false, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const isShown = isSignedIn.value;
  useEffect(() => {
    if (isShown) document.title = `${title} · Kilonova`;
  }, [title, isShown]);
  useEffect(() => {
    if (!isShown) return;
    // Whoever hears a page is told that it is another one; whoever types begins at its top.
    const isElsewhere = shownAt !== undefined && shownAt !== location.pathname;
    if (isElsewhere) heading.current?.focus({ preventScroll: true });
    shownAt = location.pathname;
    return () => {
      // It is another one also after signing in.
      if (!isSignedIn.peek()) shownAt = '';
    };
  }, [isShown]);
  return (
    <div class={isFilling ? 'page filling' : 'page'}>
      <header class="page-head">
        {back && (
          <Link class="back" to={back.to}>
            <Icon name="back" />
            {back.label}
          </Link>
        )}
        <div class="title">
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {aside}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
