/** Launches begun in each minute of the last hour, and of them those that failed; the same as a table. */
import type { Statistics } from '../../messages/statistics.ts';
import { formatCount, formatMinute } from '../format.ts';

const height = 96;
const slot = 10;

export function LaunchRate({ minutes }: Pick<Statistics, 'minutes'>) {
  const most = Math.max(0, ...minutes.map(({ begun }) => begun));
  const highest = Math.max(1, most, ...minutes.map(({ failed }) => failed));
  const heightOf = (count: number) => (count / highest) * height;
  const [first, last] = [minutes[0], minutes.at(-1)];
  return (
    <figure class="rate">
      <svg viewBox={`0 0 ${minutes.length * slot} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        {minutes.map(({ at, begun, failed }, index) => (
          <g key={at}>
            <rect
              x={index * slot}
              y={height - heightOf(begun)}
              width={slot - 2}
              height={heightOf(begun)}
              class={index === minutes.length - 1 ? 'open' : ''}
            />
            <rect
              x={index * slot}
              y={height - heightOf(failed)}
              width={slot - 2}
              height={heightOf(failed)}
              class="bad"
            />
          </g>
        ))}
      </svg>
      <figcaption>
        <span>{first && formatMinute(first.at)}</span>
        <span>at most {formatCount(most)} a minute</span>
        <span>{last && formatMinute(last.at)}</span>
      </figcaption>
      <details>
        <summary>As a table</summary>
        <table class="list">
          <caption class="hidden">Launches in each minute</caption>
          <thead>
            <tr>
              <th scope="col">Minute</th>
              <th scope="col" class="number">
                Begun
              </th>
              <th scope="col" class="number">
                Run
              </th>
              <th scope="col" class="number">
                Failed
              </th>
            </tr>
          </thead>
          <tbody>
            {minutes
              .filter(({ begun, running, failed }) => begun + running + failed > 0)
              .map(({ at, begun, running, failed }) => (
                <tr key={at}>
                  <th scope="row">{formatMinute(at)}</th>
                  <td class="number">{formatCount(begun)}</td>
                  <td class="number">{formatCount(running)}</td>
                  <td class="number">{formatCount(failed)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
