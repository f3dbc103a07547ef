/** Epoch milliseconds as ISO 8601, which is what clients see. */
export function timestamp(time: number): string {
  return new Date(time).toISOString();
}
