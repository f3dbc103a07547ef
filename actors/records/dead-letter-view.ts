/** What an operator sees of a dead letter. */
import type { DeadLetterSummary, DeadLetterView } from '../../transport/messages/api/dead-letter.ts';
import type { DeadLetter } from '../../transport/messages/records.ts';
import type { Entry } from '../../transport/nats/bucket.ts';
import { nameOf } from '../../transport/nats/subjects.ts';
import { timestamp } from './timestamp.ts';

export function summarizeDeadLetter({ key, value }: Entry<DeadLetter>): DeadLetterSummary {
  const { subject, consumer, deliveries, failure, takenAt, failedAt, context } = value;
  return {
    id: key,
    cast: nameOf(subject),
    consumer,
    subject,
    deliveries,
    failure,
    queuedAt: timestamp(takenAt),
    failedAt: timestamp(failedAt),
    requestId: context.requestId,
  };
}

export function viewDeadLetter(entry: Entry<DeadLetter>): DeadLetterView {
  const { messageId, body, bytes, isCut } = entry.value;
  return {
    ...summarizeDeadLetter(entry),
    ...(messageId !== undefined && { messageId }),
    ...(body !== undefined && { body }),
    ...(bytes !== undefined && { bytes }),
    ...(isCut !== undefined && { isCut }),
  };
}
