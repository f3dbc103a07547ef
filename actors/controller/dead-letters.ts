/** What an operator does with the casts that could not be applied. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { DeadLetter } from '../../transport/messages/records.ts';
import { enqueue } from '../../transport/nats/cast.ts';
import { consumers, isCast } from '../../transport/nats/subjects.ts';
import { consumerOfDeadLetter } from '../records/keys.ts';
import { missing } from '../records/lookup.ts';
import { removeRecord } from './remove-record.ts';
import type { Writes } from './writes.ts';

export const deadLetterWrites: Writes = async (on, { bus, store }) => {
  const letters = await store.bucket('deadLetter');

  const remove = (id: string) => removeRecord(store, 'deadLetter', id, () => absent(id));

  on(api.deadLetter.replay, async ({ id }) => {
    const entry = await letters.get(id);
    if (!entry) throw absent(id);
    const { subject, context, failedAt } = entry.value;
    // Whoever reads casts may write letters of its own, and a controller may publish more than they.
    const consumer = consumerOfDeadLetter(id);
    if (!isCast(subject) || consumers.of(subject) !== consumer) {
      throw fail('conflict', `this dead letter is of no cast to ${consumer}, but of ${JSON.stringify(subject)}`);
    }
    // Two replays of the same are one, also when the first ended before it removed the letter; applied once more, it is
    // what it was before: delivered again.
    await enqueue(bus, subject, contentOf(entry.value), { id: `replay-${id}-${failedAt}`, context });
    return { reply: {}, written: await remove(id) };
  });

  on(api.deadLetter.delete, async ({ id }) => ({ reply: {}, written: await remove(id) }));
};

function contentOf({ body, bytes, isCut }: DeadLetter): string | Uint8Array {
  if (isCut) throw fail('conflict', 'only the first bytes of this dead letter were kept: it cannot be replayed');
  return bytes === undefined ? JSON.stringify(body) : Buffer.from(bytes, 'base64');
}

function absent(id: string) {
  return missing('dead letter', id, '/id');
}
