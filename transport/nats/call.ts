/**
 * call: request and reply with a deadline.
 *
 * The answer is the reply's value, or a Failure. Nobody listening is a definite no (`unavailable`, `retry`: nothing
 * happened); no answer in time is unknown (`timeout`), so only idempotent calls are tried again: also while there is still
 * time, for of those who share a subject one may stand still, whom the server goes on giving its share. While the connection is
 * away a call waits for it, as long as it would for an answer; one whose answer is lost with the connection is told so at
 * once (both `unavailable`).
 */
import type { MsgHdrs } from 'nats';
import { errors, headers } from 'nats';
import { type Failure, FailureError, fail, toFailure } from '../../machines/failure.ts';
import type { Clock } from '../clock.ts';
import type { CallContext } from '../messages/call-context.ts';
import { codec } from '../messages/codec.ts';
import { FailureReply } from '../messages/common.ts';
import type { Call } from '../messages/kinds.ts';
import { traced } from '../tracing.ts';
import type { Bus, Message } from './bus.ts';
import { readContext, writeContext } from './call-context.ts';
import { AnswerLostError, NotSentError } from './requests.ts';

const failureReply = codec('failure', FailureReply);

/** As in the NATS micro protocol, so that any NATS tool sees that a reply is a failure. */
const errorHeader = 'Nats-Service-Error';
const errorCodeHeader = 'Nats-Service-Error-Code';
/** What a header, and a failure that has to be cut, hold of the message, in characters. */
const maxMessageLength = 1024;

export function call<Request, Reply>(
  bus: Bus,
  subject: string,
  kind: Call<Request, Reply>,
  body: Request,
  context: CallContext,
): Promise<Reply> {
  return traced(bus.tracer, { name: kind.name, kind: 'client' }, context, (context) =>
    request(bus, subject, kind, body, writeContext(context)),
  );
}

/** A call with headers of one's own. */
export async function request<Request, Reply>(
  bus: Bus,
  subject: string,
  { request: requestCodec, reply, timeoutMs, askAgainMs, name }: Call<Request, Reply>,
  body: Request,
  carried: MsgHdrs,
): Promise<Reply> {
  const payload = requestCodec.encode(body);
  const ask = (withinMs: number) => askOnce(bus, subject, name, payload, carried, withinMs);
  const message = await (askAgainMs === undefined
    ? ask(timeoutMs)
    : firstAnswer(bus.clock, ask, timeoutMs, askAgainMs));
  return reply.decode(orFailure(message).data);
}

/** Asks again after that time, and then after twice that: whoever is slow is not asked much more. The first answer counts. */
function firstAnswer(
  clock: Clock,
  ask: (withinMs: number) => Promise<Message>,
  timeoutMs: number,
  askAgainMs: number,
): Promise<Message> {
  let cancel: () => void = () => undefined;
  const answer = new Promise<Message>((resolve, reject) => {
    function askLater(afterMs: number, leftMs: number): void {
      if (leftMs <= afterMs) return;
      cancel = clock.after(afterMs, () => {
        askLater(2 * afterMs, leftMs - afterMs);
        // That there is none is for the first to say.
        ask(leftMs - afterMs).then(resolve, () => undefined);
      });
    }
    askLater(askAgainMs, timeoutMs);
    ask(timeoutMs).then(resolve, reject);
  });
  return answer.finally(() => cancel());
}

/** Sends and waits; rejects with the failure that was answered, or that says why there was no answer. */
export async function exchange(
  bus: Bus,
  subject: string,
  name: string,
  payload: string | Uint8Array,
  carried: MsgHdrs,
  timeoutMs: number,
): Promise<Message> {
  return orFailure(await askOnce(bus, subject, name, payload, carried, timeoutMs));
}

function orFailure(message: Message): Message {
  if (isFailureReply(message)) throw wireToFailure(message);
  return message;
}

/** Sends and waits for an answer, which may be a failure; rejects with why there was none. */
export async function askOnce(
  bus: Bus,
  subject: string,
  name: string,
  payload: string | Uint8Array,
  carried: MsgHdrs,
  timeoutMs: number,
): Promise<Message> {
  try {
    return await bus.request(subject, payload, { timeoutMs, headers: carried });
  } catch (error) {
    throw whyUnanswered(error, name, timeoutMs);
  }
}

/** Takes no more calls, and resolves when those in hand are answered. */
export type StopServing = () => Promise<void>;

/** Answers a kind of call, on a subject or on all that match it. `queue` shares the calls between processes. */
export function serve<Request, Reply>(
  bus: Bus,
  subject: string,
  { name, request, reply }: Call<Request, Reply>,
  handle: (body: Request, context: CallContext, subject: string) => Promise<Reply>,
  options: { queue?: string } = {},
): StopServing {
  return listen(bus, subject, options, (message) => {
    const context = readContext(message.headers);
    return answer(bus, message, context, () =>
      traced(bus.tracer, { name, kind: 'server' }, context, async (context) => ({
        payload: reply.encode(await handle(request.decode(message.data), context, message.subject)),
      })),
    );
  });
}

/** Takes messages, each of which is answered by when its promise resolves. */
export function listen(
  bus: Bus,
  subject: string,
  { queue }: { queue?: string },
  take: (message: Message) => Promise<unknown>,
): StopServing {
  const inHand = new InHand();
  const subscription = bus.subscribe(subject, (message) => inHand.add(take(message)), { queue });
  return async () => {
    await subscription.drain();
    await inHand.done();
  };
}

/** What was begun and is not done yet. */
export class InHand {
  readonly #work = new Set<Promise<unknown>>();

  /** None that rejects. */
  add(work: Promise<unknown>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  async done(): Promise<void> {
    await Promise.all(this.#work);
  }
}

/** What goes back to the caller. */
export interface Answer {
  payload: string | Uint8Array;
  headers?: MsgHdrs;
}

/** Answers with what `work` makes; whatever goes wrong becomes a failure reply, and is returned. Never rejects. */
export async function answer(
  bus: Bus,
  message: Message,
  context: CallContext,
  work: () => Promise<Answer>,
): Promise<Failure | undefined> {
  try {
    const { payload, headers: carried } = await work();
    respond(bus, message, payload, carried);
    return undefined;
  } catch (thrown) {
    return refuse(bus, message, thrown, context);
  }
}

/** Answers with a failure, and returns it. Never throws: who has lost the connection cannot be told. */
export function refuse(bus: Bus, message: Message, thrown: unknown, { requestId }: CallContext): Failure {
  const failure = toFailure(thrown);
  const inShort = { ...failure, message: failure.message.slice(0, maxMessageLength).toWellFormed() };
  delete inShort.details;
  delete inShort.cause;
  for (const told of [failure, inShort]) {
    try {
      respond(bus, message, failureReply.encode({ failure: told, requestId }), failureHeaders(inShort));
      break;
    } catch {
      // Too large.
    }
  }
  return failure;
}

/** Throws `unsupported` when the server does not carry so much. */
function respond(bus: Bus, { reply }: Message, payload: string | Uint8Array, headers?: MsgHdrs): void {
  if (!reply) return;
  try {
    bus.send(reply, payload, { headers });
  } catch (error) {
    if (!(error instanceof errors.InvalidArgumentError)) throw error;
    throw fail('unsupported', `the answer is too large for a message (${Buffer.byteLength(payload)} bytes)`);
  }
}

function failureHeaders(failure: Failure): MsgHdrs {
  const carried = headers();
  carried.set(errorHeader, failure.message.replaceAll(/[\r\n]+/g, ' '));
  carried.set(errorCodeHeader, String(statusOf(failure)));
  return carried;
}

/** The HTTP status that says the same, for tools that know no better. */
export function statusOf({ code }: Failure): number {
  switch (code) {
    case 'invalid_request':
    case 'image_too_large':
      return 400;
    case 'unauthenticated':
      return 401;
    case 'forbidden':
    case 'quota_exceeded':
      return 403;
    case 'not_found':
      return 404;
    case 'conflict':
    case 'already_exists':
      return 409;
    case 'too_many_requests':
      return 429;
    case 'unavailable':
      return 503;
    case 'timeout':
      return 504;
    default:
      return 500;
  }
}

/** The same of an answer, as whoever gave it has said. */
export function statusOfAnswer({ headers: carried }: Message): number {
  return Number(carried?.get(errorCodeHeader) || 200);
}

export function isFailureReply(message: Message): boolean {
  return message.headers?.has(errorCodeHeader) ?? false;
}

/** The one place where a failure from the wire becomes a Failure again. */
export function wireToFailure(message: Message): FailureError {
  const { failure } = failureReply.decode(message.data);
  return new FailureError(failure as Failure);
}

function whyUnanswered(error: unknown, name: string, timeoutMs: number): Error {
  if (error instanceof errors.NoRespondersError) {
    return fail('unavailable', `nobody answers ${name}`, { disposition: 'retry' });
  }
  if (error instanceof errors.TimeoutError) {
    return fail('timeout', `${name} was not answered within ${timeoutMs} ms`, { disposition: 'retry' });
  }
  if (error instanceof AnswerLostError) {
    const message = `the connection to NATS was lost before ${name} was answered: it may have been done all the same`;
    return fail('unavailable', message, { disposition: 'retry' });
  }
  if (error instanceof NotSentError) {
    const message = `${name} could not be sent within ${timeoutMs} ms: not connected to NATS`;
    return fail('unavailable', message, { disposition: 'retry' });
  }
  if (error instanceof errors.ClosedConnectionError || error instanceof errors.DrainingConnectionError) {
    return fail('unavailable', `${name} could not be sent: not connected to NATS`, { disposition: 'retry' });
  }
  return error instanceof Error ? error : new Error(String(error));
}
