/** Steps one after the other, each drawn where it lay in the time of the whole; the same as a table for who does not see it. */
import { formatDuration } from '../format.ts';
import { Dotted } from './dotted.tsx';

export interface Span {
  name: string;
  /** ms since the beginning of the whole. */
  from: number;
  to: number;
  isFailed?: boolean;
  /** Still under way. */
  isOpen?: boolean;
  note?: string | undefined;
}

export function Waterfall({ caption, spans }: { caption: string; spans: readonly Span[] }) {
  const total = Math.max(1, ...spans.map(({ to }) => to));
  return (
    <table class="waterfall">
      <caption class="hidden">{caption}</caption>
      <thead class="hidden">
        <tr>
          <th scope="col">State</th>
          <th scope="col">When</th>
          <th scope="col">Time</th>
        </tr>
      </thead>
      <tbody>
        {spans.map(({ name, from, to, isFailed, isOpen, note }, at) => (
          <tr key={at} class={isFailed ? 'failed' : isOpen ? 'open' : ''}>
            <th scope="row">
              <Dotted name={name} />
              {note && <span class="note">{note}</span>}
            </th>
            <td class="bar">
              <svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
                <rect x={(from / total) * 1000} width={Math.max(4, ((to - from) / total) * 1000)} height="10" />
              </svg>
              <span class="hidden">after {formatDuration(from)}</span>
            </td>
            <td class="number">{isOpen ? 'now' : formatDuration(to - from)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
