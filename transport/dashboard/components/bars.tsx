/** Amounts beside each other: a table, with a bar in each line. */
import type { ComponentChildren } from 'preact';

export interface Bar {
  key: string;
  label: ComponentChildren;
  amount: number;
  tone?: string;
}

interface BarsProps {
  caption: string;
  /** What the amounts are of. */
  head: readonly [label: string, amount: string];
  bars: readonly Bar[];
  format(amount: number): string;
}

export function Bars({ caption, head, bars, format }: BarsProps) {
  const most = Math.max(1, ...bars.map(({ amount }) => amount));
  return (
    <table class="bars">
      <caption class="hidden">{caption}</caption>
      <thead class="hidden">
        <tr>
          <th scope="col">{head[0]}</th>
          <td />
          <th scope="col">{head[1]}</th>
        </tr>
      </thead>
      <tbody>
        {bars.map(({ key, label, amount, tone = '' }) => (
          <tr key={key}>
            <th scope="row">{label}</th>
            <td class="bar">
              <svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
                <rect class={tone} width={(amount / most) * 1000} height="10" />
              </svg>
            </td>
            <td class="number">{format(amount)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
