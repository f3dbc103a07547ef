/** How much of something is used: the numbers, and a bar beneath them for the eye. */

interface MeterProps {
  used: number;
  /** Absent: there is no limit. */
  total: number | undefined;
  /** What is to come on top of it. */
  more?: number;
  format(amount: number): string;
}

const nearlyFull = 0.9;

export function Meter({ used, total, more = 0, format }: MeterProps) {
  const share = (amount: number) => (total ? Math.min(100, (amount / total) * 100) : 0);
  const isOver = total !== undefined && used + more > total;
  const level = isOver ? 'over' : total && used / total >= nearlyFull ? 'high' : '';
  return (
    <div class={`meter ${level}`}>
      <span class="amounts">
        {format(used)}
        {more > 0 && <strong> + {format(more)}</strong>}
        <span class="total"> / {total === undefined ? 'any' : format(total)}</span>
      </span>
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="track" width="100" height="4" />
        <rect class="more" width={share(used + more)} height="4" />
        <rect class="used" width={share(used)} height="4" />
      </svg>
    </div>
  );
}
