/** What the project may have, what it has, and what a launch would take of it. */
import type { QuotaView } from '../../messages/api/quota.ts';
import type { Flavor } from '../../messages/records/flavor.ts';
import { Meter } from '../components/meter.tsx';
import { formatCount, formatMemory } from '../format.ts';

interface QuotaUseProps {
  quota: QuotaView;
  /** Absent: nothing is being launched. */
  launch?: { flavor: Flavor | undefined; count: number };
}

export function QuotaUse({ quota, launch }: QuotaUseProps) {
  const { flavor, count } = launch ?? { flavor: undefined, count: 0 };
  const rows = [
    { name: 'Instances', use: quota.instances, more: count, format: formatCount },
    { name: 'vCPUs', use: quota.vcpus, more: count * (flavor?.vcpus ?? 0), format: formatCount },
    { name: 'Memory', use: quota.memoryMb, more: count * (flavor?.memoryMb ?? 0), format: formatMemory },
  ];
  const short = rows.filter(({ use, more }) => use.limit >= 0 && use.used + more > use.limit);
  const note =
    short.length > 0
      ? `More than the project may have of: ${short.map(({ name }) => name).join(', ')}.`
      : launch && 'Bold is what this launch takes.';
  return (
    <section class="quota" aria-labelledby="quota">
      <h2 id="quota">Quota</h2>
      <dl>
        {rows.map(({ name, use: { used, limit }, more, format }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <Meter used={used} total={limit < 0 ? undefined : limit} more={more} format={format} />
            </dd>
          </div>
        ))}
      </dl>
      {note && (
        <p class={short.length > 0 ? 'problem' : 'hint'} role="status">
          {note}
        </p>
      )}
    </section>
  );
}
