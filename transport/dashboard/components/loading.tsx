/** Stands where something is to come. */
export function Loading() {
  return (
    <p class="quiet" role="status">
      Loading…
    </p>
  );
}
