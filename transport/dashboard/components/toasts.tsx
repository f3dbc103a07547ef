/** What came of something after one has looked away: said quietly in a corner, and gone again by itself. */
import { signal } from '@preact/signals';
import { Icon } from './icon.tsx';

const shownMs = 8_000;

interface Toast {
  id: number;
  text: string;
  isError: boolean;
}

const toasts = signal<readonly Toast[]>([]);
let count = 0;

export function tell(text: string, { isError = false } = {}): void {
  const id = ++count;
  toasts.value = [...toasts.value.slice(-3), { id, text, isError }];
  setTimeout(() => dismiss(id), shownMs);
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
          <button type="button" class="bare" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </section>
  );
}
