/** How the context of a message travels: one header carries all of it, because headers are what costs on a round trip. */
import { randomUUID } from 'node:crypto';
import { headers, type MsgHdrs } from 'nats';
import { type Asker, CallContext } from '../messages/call-context.ts';
import { codec } from '../messages/codec.ts';
import type { Message } from './bus.ts';
import { inboxOf, isForwarded } from './subjects.ts';

const contextHeader = 'Kilonova-Context';
const traceHeader = 'traceparent';
const requestIdHeader = 'X-Request-Id';
const addressHeader = 'X-Forwarded-For';
/** No address is longer. */
const maxAddressLength = 64;

const contextCodec = codec('the context header', CallContext);

/** The context of something that nobody asked for, such as a sweep at start. */
export function newContext(): CallContext {
  return { requestId: `req-${randomUUID()}` };
}

/** The context of a request from outside: a client's trace and request id are kept when they are well-formed. */
export function contextOfClient(carried: MsgHdrs | undefined): CallContext {
  return contextGiven(carried?.get(requestIdHeader), carried?.get(traceHeader));
}

/** The same, of what came by another way. */
export function contextGiven(requestId?: string, traceparent?: string): CallContext {
  return {
    requestId: requestId && /^req-[0-9a-f-]{36}$/.test(requestId) ? requestId : `req-${randomUUID()}`,
    ...(traceparent && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent) && { traceparent }),
  };
}

/**
 * Who asks, of what nobody has to show a token for. Clients of the bus name their inbox as they like: web servers, who name
 * the address of whoever asks them, are known by the subject.
 */
export function askerOf({
  subject,
  reply = '',
  headers: carried,
}: Pick<Message, 'subject' | 'reply' | 'headers'>): Asker {
  const address = carried?.get(addressHeader)?.slice(0, maxAddressLength) ?? '';
  return isForwarded(subject) ? ['web', address] : ['bus', inboxOf(reply), address];
}

/** What a client of the API sends with a request. `address`: whom it asks for, where that is somebody else. */
export function clientHeaders(
  token: string,
  { context, address }: { context?: CallContext; address?: string | undefined } = {},
): MsgHdrs {
  const carried = headers();
  if (address !== undefined) carried.set(addressHeader, address);
  carried.set('Authorization', `Bearer ${token}`);
  if (context) {
    carried.set(requestIdHeader, context.requestId);
    if (context.traceparent) carried.set(traceHeader, context.traceparent);
  }
  return carried;
}

export function writeContext(context: CallContext): MsgHdrs {
  const carried = headers();
  carried.set(contextHeader, contextCodec.encode(context));
  return carried;
}

/** A context that cannot be read counts as none: its message then speaks for nobody. */
export function readContext(carried: MsgHdrs | undefined): CallContext {
  try {
    return contextCodec.check(JSON.parse(carried?.get(contextHeader) ?? ''));
  } catch {
    return newContext();
  }
}
