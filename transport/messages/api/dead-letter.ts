/** Requests about dead letters: messages from part to part that could not be applied, however often they were tried. */
import Type, { type Static } from 'typebox';
import { Described, Exact, Timestamp } from '../common.ts';
import { DeadLetter, DeadLetterKey } from '../records.ts';
import { read, write } from './endpoint.ts';
import { DeadLetterId, markedBy, Nothing, paging } from './fields.ts';

const { deliveries, failure, body, bytes, isCut } = DeadLetter.properties;

const summary = {
  id: DeadLetterKey,
  cast: Type.String({ description: 'what it asked for: run_instance' }),
  consumer: Type.String({ description: 'whom it was for: `scheduler`, or `compute-` and the host' }),
  subject: Type.String({ description: 'that it was sent to' }),
  deliveries: Described(deliveries, 'how often it was tried'),
  failure: Described(failure, 'what was wrong the last time'),
  queuedAt: Described(Timestamp, 'when it was sent'),
  failedAt: Described(Timestamp, 'when it was given up'),
  requestId: Type.String({ description: 'of the request that led to it' }),
};

export const DeadLetterSummary = Exact(summary, { title: 'DeadLetterSummary' });
export type DeadLetterSummary = Static<typeof DeadLetterSummary>;

export const DeadLetterView = Exact(
  {
    ...summary,
    messageId: Type.Optional(Type.String({ description: 'by which the work queue knew it' })),
    body: Type.Optional(Described(body, 'what it said')),
    bytes: Type.Optional(Described(bytes, 'its bytes in base64, of what is no JSON or too long')),
    isCut: Type.Optional(Described(isCut, 'only its first bytes were kept: it cannot be replayed')),
  },
  { title: 'DeadLetter' },
);
export type DeadLetterView = Static<typeof DeadLetterView>;

const OneDeadLetter = Exact({ id: DeadLetterId });

export const deadLetterEndpoints = {
  list: read({
    name: 'dead-letter.list',
    description:
      'The messages between the parts that could not be applied, oldest first. Each was told as an alarm, on ' +
      '`cloud.fact.alarm.dead-letter`.',
    access: 'admin',
    request: Exact({ ...paging, marker: markedBy(DeadLetterId) }),
    reply: Exact({ deadLetters: Type.Array(DeadLetterSummary) }),
  }),
  get: read({
    name: 'dead-letter.get',
    description: 'One message that could not be applied, with what it said.',
    access: 'admin',
    request: OneDeadLetter,
    reply: Exact({ deadLetter: DeadLetterView }),
  }),
  replay: write({
    name: 'dead-letter.replay',
    description:
      'Sends the message again, and forgets it. It may come too late: what it is about is looked at as it is then.',
    access: 'admin',
    request: OneDeadLetter,
    reply: Nothing,
  }),
  delete: write({
    name: 'dead-letter.delete',
    description: 'Forgets a message that could not be applied.',
    access: 'admin',
    request: OneDeadLetter,
    reply: Nothing,
  }),
};
