/** A cast that could not be applied, as it came. */
import Type, { type Static } from 'typebox';
import { CallContext } from '../call-context.ts';
import { allows, Base64, Exact, FailureSchema, Time } from '../common.ts';

/** How much of a message that is no JSON is kept, in bytes. */
export const maxDeadBytes = 512 * 1024;

/** The consumer whose casts it is of, when the queue took it, and its place there. */
export const DeadLetterKey = Type.String({
  pattern: '^([A-Za-z0-9_=-]{1,400}\\.)?[0-9]{1,16}-[0-9]{1,16}$',
  ...allows('whom it was for, a dot, and two numbers'),
  description: 'whom it was for, a dot, and two numbers',
});

export const DeadLetter = Exact({
  subject: Type.String(),
  /** By which the work queue knew it. */
  messageId: Type.Optional(Type.String()),
  context: CallContext,
  /** What it said. */
  body: Type.Optional(Type.Unknown()),
  /** Instead, of what is no JSON or too long to be a message of ours. */
  bytes: Type.Optional(Base64(Math.ceil(maxDeadBytes / 3) * 4, 'its bytes, or the first of them')),
  isCut: Type.Optional(Type.Boolean()),
  /** The durable consumer that it was for. */
  consumer: Type.String(),
  /** How often it was delivered. */
  deliveries: Type.Integer({ minimum: 1 }),
  /** What was wrong the last time. */
  failure: FailureSchema,
  takenAt: Time,
  failedAt: Time,
});
export type DeadLetter = Static<typeof DeadLetter>;
