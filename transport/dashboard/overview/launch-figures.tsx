/** What launches are like just now, in a few figures. */
import type { ComponentChildren } from 'preact';
import type { Statistics } from '../../messages/statistics.ts';
import { formatCount, formatDuration } from '../format.ts';

export function LaunchFigures({ launches, minutes, messages }: Statistics) {
  // The last one is not over.
  const lastMinute = minutes.at(-2);
  const failed = launches.outcomes.find(({ outcome }) => outcome === 'failed')?.count ?? 0;
  return (
    <dl class="figures">
      <Figure name="Launches a minute" value={formatCount(lastMinute?.begun ?? 0)} />
      <Figure name="Under way" value={formatCount(launches.underWay)} />
      <Figure
        name="Time to run, median"
        value={launches.total ? formatDuration(launches.total.p50Ms) : '–'}
        beside={launches.total && `99 %: ${formatDuration(launches.total.p99Ms)}`}
      />
      <Figure name="Failed" value={formatCount(failed)} beside={`of the last ${formatCount(launches.ended)}`} />
      {messages && (
        <Figure
          name="Messages a second"
          value={formatCount(Math.round((messages.castsPerSecond + messages.factsPerSecond) * 10) / 10)}
          beside={`${formatCount(Math.round(messages.factsPerSecond * 10) / 10)} facts`}
        />
      )}
    </dl>
  );
}

function Figure({ name, value, beside }: { name: string; value: string; beside?: ComponentChildren }) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        {value} {beside && <small>{beside}</small>}
      </dd>
    </div>
  );
}
