/** How long launches were in each state: the last thousand of them in percentiles, one after the other as by the median. */
import type { Statistics } from '../../messages/statistics.ts';
import { Dotted } from '../components/dotted.tsx';
import { formatCount, formatDuration } from '../format.ts';

export function StateTimes({ states }: Pick<Statistics['launches'], 'states'>) {
  let offset = 0;
  const rows = states.map((state) => {
    const from = offset;
    offset += state.p50Ms;
    return { ...state, from };
  });
  const total = Math.max(1, ...rows.map(({ from, p90Ms }) => from + p90Ms));
  const wide = (ms: number) => (ms / total) * 1000;
  return (
    <table class="waterfall percentiles">
      <caption class="hidden">Time in each state of a launch</caption>
      <thead>
        <tr>
          <th scope="col">State</th>
          <td class="bar" />
          <th scope="col" class="number">
            Median
          </th>
          <th scope="col" class="number">
            90 %
          </th>
          <th scope="col" class="number">
            99 %
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ state, count, from, p50Ms, p90Ms, p99Ms }) => (
          <tr key={state}>
            <th scope="row" title={`${formatCount(count)} times`}>
              <Dotted name={state} />
            </th>
            <td class="bar">
              <svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
                <rect class="rarely" x={wide(from)} width={wide(p90Ms)} height="10" />
                <rect x={wide(from)} width={Math.max(3, wide(p50Ms))} height="10" />
              </svg>
            </td>
            <td class="number">{formatDuration(p50Ms)}</td>
            <td class="number">{formatDuration(p90Ms)}</td>
            <td class="number">{formatDuration(p99Ms)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
