/**
 * What came of something after one has looked away: said quietly in a corner, and gone again by itself. What went wrong stays
 * until somebody has seen it.
 */
import { signal } from '@preact/signals';
import { Icon } from './icon.tsx';

const shownMs = 8_000;
/** Of those that go by themselves fewer, the more there are that stay. */
const mostShown = 4;

interface Toast {
  id: number;
  text: string;
  isError: boolean;
  isKept: boolean;
}

const toasts = signal<readonly Toast[]>([]);
let count = 0;

/** `isKept`: until it is dismissed; what is said elsewhere, too, need not be. */
export function tell(
  text: string,
  { isError = false, isKept = isError }: { isError?: boolean; isKept?: boolean } = {},
): void {
  const id = ++count;
  const others = toasts.value.filter((toast) => toast.text !== text);
  const tooMany = others.filter((toast) => !toast.isKept).slice(0, Math.max(0, others.length + 1 - mostShown));
  toasts.value = [...others.filter((toast) => !tooMany.includes(toast)), { id, text, isError, isKept }];
  if (!isKept) setTimeout(() => dismiss(id), shownMs);
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function Toasts() {
  return (
    <section class="toasts" aria-label="Messages" aria-live="polite">
      {toasts.value.map(({ id, text, isError }) => (
        <div key={id} class={`toast ${isError ? 'error' : ''}`}>
          <span>{text}</span>
          <button type="button" class="bare" aria-label={`Dismiss: ${text}`} onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </section>
  );
}
