/**
 * relay: an API server hands a client's request on to a cloud controller, as the bytes that it checked, and hands the
 * answer back as it came. Beside the answer the controller says what it wrote, so that the API server can wait until
 * its own views have it: a client reads what it wrote.
 */
import { headers } from 'nats';
import Type, { type Static } from 'typebox';
import type { Endpoint } from '../messages/api/endpoint.ts';
import type { CallContext, Caller } from '../messages/call-context.ts';
import { codec } from '../messages/codec.ts';
import { Exact, Revision } from '../messages/common.ts';
import { type Buckets, buckets } from '../messages/records.ts';
import { traced } from '../tracing.ts';
import type { Bus, Message } from './bus.ts';
import { type Answer, answer, exchange, listen, type StopServing } from './call.ts';
import { readContext, writeContext } from './call-context.ts';
import { subjects } from './subjects.ts';

const writtenHeader = 'Kilonova-Written';

const bucketNames = Object.keys(buckets) as (keyof Buckets)[];

/** A record that was written at a revision; with `removed`, the key of one that was at it and is gone. */
const Written = Exact({
  bucket: Type.Unsafe<keyof Buckets>(Type.Enum(bucketNames)),
  revision: Revision,
  removed: Type.Optional(Type.String()),
});
export type Written = Static<typeof Written>;

const writtenCodec = codec('the header of what was written', Type.Array(Written));

/** What came of a client's request. */
export interface Outcome<Reply> {
  reply: Reply;
  written?: Written[];
}

/** How much sooner than the client a relay gives up, so that the client hears why (ms). */
const headStartMs = 1_000;

/** Rejects with the controller's failure, or with `unavailable` or `timeout`. */
export async function relay(
  bus: Bus,
  { resource, verb, name, timeoutMs }: Endpoint<unknown, unknown>,
  request: Message,
  context: CallContext,
): Promise<Answer & { written: Written[] }> {
  const subject = subjects.controllerCall(resource, verb);
  const waitMs = Math.max(timeoutMs - headStartMs, timeoutMs / 2);
  const message = await traced(bus.tracer, { name, kind: 'client' }, context, (context) =>
    exchange(bus, subject, name, request.data, writeContext(context), waitMs),
  );
  const written = message.headers?.get(writtenHeader);
  return { payload: message.data, written: written ? writtenCodec.check(JSON.parse(written)) : [] };
}

/** Answers what is relayed, shared between all controllers. `admit` rejects when the caller may not, whatever the body. */
export function serveRelayed<Request, Reply>(
  bus: Bus,
  { name, resource, verb, request, reply }: Endpoint<Request, Reply>,
  admit: (context: CallContext) => Promise<Caller>,
  handle: (body: Request, request: { caller: Caller; context: CallContext }) => Promise<Outcome<Reply>>,
): StopServing {
  return listen(bus, subjects.controllerCall(resource, verb), { queue: 'controller' }, (message) => {
    const context = readContext(message.headers);
    return answer(bus, message, context, () =>
      traced(bus.tracer, { name, kind: 'server' }, context, async (context) => {
        const caller = await admit(context);
        const { reply: body, written = [] } = await handle(request.decode(message.data), { caller, context });
        const payload = reply.encode(body);
        if (written.length === 0) return { payload };
        const carried = headers();
        carried.set(writtenHeader, writtenCodec.encode(written));
        return { payload, headers: carried };
      }),
    );
  });
}
