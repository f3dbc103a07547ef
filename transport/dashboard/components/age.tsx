/** How long ago something was, kept right as time goes by. */
import { signal } from '@preact/signals';
import { formatAge, formatMoment } from '../format.ts';

/** Epoch ms, once a second: all ages of the page are of one moment. */
export const now = signal(Date.now());
setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1_000);

export function Age({ since, suffix = '' }: { since: string; suffix?: string }) {
  return (
    <time dateTime={since} title={formatMoment(since)}>
      {formatAge(since, now.value)}
      {suffix}
    </time>
  );
}
