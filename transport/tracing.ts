/**
 * Traces: a request and all that follows from it, across all parts, is one. What happens is told to a tracer where there
 * is one; where there is none, nothing is made, kept or sent for it.
 *
 * Contexts are handed on, with each message and within each process: whoever does a part of the work below that of another
 * is given that one's context, and passes on its own.
 */
import { type Failure, toFailure } from '../machines/failure.ts';
import type { CallContext } from './messages/call-context.ts';

/** A piece of work. */
export interface SpanOptions {
  name: string;
  /** Whether it answers another, asks another, casts, applies a cast, or neither. */
  kind: 'server' | 'client' | 'producer' | 'consumer' | 'internal';
  attributes?: Record<string, string | number>;
}

export interface Span {
  /** What its name is in other processes (https://www.w3.org/TR/trace-context/). */
  readonly traceparent: string;
  end(failure?: Failure): void;
}

export interface Tracer {
  /** Without a parent, a trace begins with it. */
  begin(options: SpanOptions, parent: string | undefined): Span;
}

/** Does work that is told to the tracer, and is given the context of what follows from it. */
export function traced<T>(
  tracer: Tracer | undefined,
  options: SpanOptions,
  context: CallContext,
  work: (context: CallContext) => Promise<T>,
): Promise<T> {
  return tracer ? withSpan(tracer, options, context, work) : work(context);
}

async function withSpan<T>(
  tracer: Tracer,
  options: SpanOptions,
  context: CallContext,
  work: (context: CallContext) => Promise<T>,
): Promise<T> {
  const span = tracer.begin(options, context.traceparent);
  try {
    const done = await work({ ...context, traceparent: span.traceparent });
    span.end();
    return done;
  } catch (thrown) {
    span.end(toFailure(thrown));
    throw thrown;
  }
}
