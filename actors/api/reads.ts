/** What an API server answers by itself, from its views: one list of handlers a resource. */
import type { Endpoint } from '../../transport/messages/api/endpoint.ts';
import type { CallContext, Caller } from '../../transport/messages/call-context.ts';
import type { Runtime } from '../runtime/runtime.ts';

export interface Request {
  caller: Caller;
  /** Which token the caller showed; nothing where none is needed. */
  tokenId: string | undefined;
  context: CallContext;
}

/** Registers what answers an endpoint. */
export type OnRead = <Q, R>(endpoint: Endpoint<Q, R>, handle: (body: Q, request: Request) => Promise<R> | R) => void;

/** Opens the views that a resource is read from, and registers its endpoints. */
export type Reads = (on: OnRead, runtime: Runtime) => Promise<void> | void;
