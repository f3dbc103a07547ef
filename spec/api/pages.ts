/** A listing, asked for page by page as a client would. */

/** All pages, in order, but for the empty one at the end. Each begins after that field of the last thing before it. */
export async function pagesOf<Thing extends object>(
  limit: number,
  field: keyof Thing,
  ask: (page: object) => Promise<Thing[]>,
): Promise<Thing[][]> {
  const pages: Thing[][] = [];
  for (;;) {
    const last = pages.at(-1)?.at(-1);
    const page = await ask({ limit, ...(last !== undefined && { marker: last[field] }) });
    if (page.length === 0) return pages;
    if (page.length > limit) throw new Error(`a page of ${limit} holds ${page.length}`);
    pages.push(page);
  }
}
