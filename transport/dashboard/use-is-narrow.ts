/** Whether there is as little width as on a phone: what the style sheets ask with the same words. */
import { signal } from '@preact/signals';

const query = matchMedia('(max-width: 45rem)');
const isNarrow = signal(query.matches);
query.addEventListener('change', ({ matches }) => {
  isNarrow.value = matches;
});

export function useIsNarrow(): boolean {
  return isNarrow.value;
}
