/** Lists that are read page by page while they change. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, pageOf } from '../../actors/records/paging.ts';

interface Thing {
  name: string;
  id: number;
  /** How large it is in a message, in bytes. */
  size: number;
}

const byNameAndId = (a: Thing, b: Thing) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id - b.id);
const present = ({ name, id, size }: Thing) => ({ name, id, filler: 'x'.repeat(size) });

/** Few names, so that many things have the same one; some things so large that few fit into a message. */
const thing = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  id: fc.nat(200),
  size: fc.oneof({ weight: 9, arbitrary: fc.nat(50) }, { weight: 1, arbitrary: fc.nat(900_000) }),
});
const things = fc.uniqueArray(thing, { selector: ({ id }) => id, maxLength: 30 });

/** What happens to the list between two pages. */
interface Change {
  added: Thing[];
  /** Which are removed, as shares of the list. */
  removed: number[];
}

const change: fc.Arbitrary<Change> = fc.record({
  added: fc.array(thing, { maxLength: 3 }),
  removed: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 3 }),
});
const changes = fc.array(change, { maxLength: 20 });

/** Reads all pages; between any two the list is changed. Says what was read, and what was in the list all the while. */
function readAll(first: Thing[], between: Change[], limit: number | undefined) {
  let list = first.toSorted(byNameAndId);
  const stayed = new Set(list.map(({ id }) => id));
  const read: number[] = [];
  let marked: Thing | undefined;
  for (let turn = 0; ; turn++) {
    const page = pageOf(after(list, marked, byNameAndId), (each) => ({ ...present(each), of: each }), limit);
    if (page.length === 0) return { read, stayed, last: list };
    read.push(...page.map(({ id }) => id));
    marked = page.at(-1)?.of;
    const { added = [], removed = [] } = between[turn] ?? {};
    const gone = new Set(removed.map((share) => list[Math.floor(share * list.length)]?.id));
    const fresh = added.filter(({ id }, index) => {
      const isFirst = added.findIndex((each) => each.id === id) === index;
      return isFirst && !list.some((each) => each.id === id) && !read.includes(id);
    });
    list = [...list.filter(({ id }) => !gone.has(id)), ...fresh].sort(byNameAndId);
    for (const id of gone) if (id !== undefined) stayed.delete(id);
  }
}

describe('pages', () => {
  const limits = fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined });

  it('are the list when they are joined', () => {
    fc.assert(
      fc.property(things, limits, (list, limit) => {
        const { read, last } = readAll(list, [], limit);
        expect(read).toEqual(last.map(({ id }) => id));
      }),
    );
  });

  it('have once, and in order, whatever stays in the list, also when their markers leave it', () => {
    fc.assert(
      fc.property(things, changes, limits, (list, between, limit) => {
        const { read, stayed } = readAll(list, between, limit);
        const kept = list.toSorted(byNameAndId).filter(({ id }) => stayed.has(id));
        expect(read.filter((id) => stayed.has(id))).toEqual(kept.map(({ id }) => id));
        expect(new Set(read).size).toBe(read.length);
      }),
      { numRuns: 500 },
    );
  });

  it('hold at most as many as are asked for, and no more than a message carries, but at least one', () => {
    fc.assert(
      fc.property(things, limits, (list, limit) => {
        const page = pageOf(list.toSorted(byNameAndId), present, limit);
        expect(page.length).toBeLessThanOrEqual(limit ?? 1000);
        expect(page.length > 0).toBe(list.length > 0);
        if (page.length > 1) expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(1024 * 1024);
      }),
    );
  });
});
