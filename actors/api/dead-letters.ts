/** The casts that could not be applied, as an operator sees them. */
import { api } from '../../transport/messages/api.ts';
import type { DeadLetter } from '../../transport/messages/records.ts';
import type { Entry } from '../../transport/nats/bucket.ts';
import { summarizeDeadLetter, viewDeadLetter } from '../records/dead-letter-view.ts';
import { missing } from '../records/lookup.ts';
import { after, pageOf } from '../records/paging.ts';
import type { Reads } from './reads.ts';

export const deadLetterReads: Reads = async (on, { store }) => {
  const letters = await store.view('deadLetter');

  function find(id: string, field: string): Entry<DeadLetter> {
    const entry = letters.entry(id);
    if (!entry) throw missing('dead letter', id, field);
    return entry;
  }

  on(api.deadLetter.get, ({ id }) => ({ deadLetter: viewDeadLetter(find(id, '/id')) }));

  on(api.deadLetter.list, ({ limit, marker }) => {
    const marked = marker === undefined ? undefined : find(marker, '/marker');
    const all = [...letters.entries()].toSorted(oldestFirst);
    return { deadLetters: pageOf(after(all, marked, oldestFirst), summarizeDeadLetter, limit) };
  });
};

function oldestFirst(a: Entry<DeadLetter>, b: Entry<DeadLetter>): number {
  return a.value.takenAt - b.value.takenAt || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
