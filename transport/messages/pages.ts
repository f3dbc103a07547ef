/**
 * The pages of a list, one after the other. A page may be shorter than what was asked for, as it has to fit into a message:
 * only an empty one says that there are no more.
 */

/** `ask` is given where the page begins, `markerOf` says by what the next one knows the last of this one. */
export async function* pagesOf<Entry, Marker>(
  ask: (from: { marker?: Marker }) => Promise<readonly Entry[]>,
  markerOf: (last: Entry) => Marker,
): AsyncGenerator<readonly Entry[]> {
  for (let from: { marker?: Marker } = {}; ; ) {
    const page = await ask(from);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    from = { marker: markerOf(last) };
  }
}

/** All of them together. */
export async function allOf<Entry>(pages: AsyncIterable<readonly Entry[]>): Promise<Entry[]> {
  const all: Entry[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}
