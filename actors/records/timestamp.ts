/** Times: epoch milliseconds within, ISO 8601 for clients. */

/** The latest that NATS knows, which counts nanoseconds in 63 bits: in the year 2262. */
const latest = Math.floor(2 ** 63 / 1e6) - 1;

export function timestamp(time: number): string {
  return new Date(time).toISOString();
}

/** What a client's `Timestamp` says, within what NATS knows. A leap second counts as the one before it. */
export function parseTimestamp(text: string): number {
  const time = Date.parse(text.replace(/:60(?=[.zZ+-])/, ':59'));
  return Math.min(Math.max(time, 0), latest);
}
