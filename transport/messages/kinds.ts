/**
 * The kinds of messages and records that there are: each is a name and how its bytes are read and written. How they
 * travel, and how they are kept, says `transport/nats/`.
 */
import type { Static, TSchema } from 'typebox';
import { type Codec, codec } from './codec.ts';

/**
 * One kind of call: what is asked, what is answered, how long the caller waits, and after how long without an answer it asks
 * again (ms; absent: never), which is for what may be done twice.
 */
export interface Call<Request, Reply> {
  readonly name: string;
  readonly request: Codec<Request>;
  readonly reply: Codec<Reply>;
  readonly timeoutMs: number;
  readonly askAgainMs?: number;
}

export interface Cast<Body> {
  readonly name: string;
  readonly body: Codec<Body>;
}

export interface Fact<Body> {
  readonly name: string;
  readonly body: Codec<Body>;
}

/** What a bucket holds, and how many versions of each record it keeps. */
export interface BucketKind<T> {
  readonly name: string;
  readonly record: Codec<T>;
  readonly history: number;
}

export function defineCall<Q extends TSchema, R extends TSchema>(
  name: string,
  request: Q,
  reply: R,
  { timeoutMs = 10_000, maxBytes, askAgainMs }: { timeoutMs?: number; maxBytes?: number; askAgainMs?: number } = {},
): Call<Static<Q>, Static<R>> {
  const limits = maxBytes === undefined ? {} : { maxBytes };
  return {
    name,
    request: codec(`${name} request`, request, limits),
    reply: codec(`${name} reply`, reply, { maxBytes: 8 * 1024 * 1024 }),
    timeoutMs,
    ...(askAgainMs !== undefined && { askAgainMs }),
  };
}

export function defineCast<S extends TSchema>(name: string, body: S): Cast<Static<S>> {
  return { name, body: codec(name, body) };
}

export function defineFact<S extends TSchema>(name: string, body: S): Fact<Static<S>> {
  return { name, body: codec(name, body) };
}

export function defineBucket<S extends TSchema>(
  name: string,
  record: S,
  { history = 1 }: { history?: number } = {},
): BucketKind<Static<S>> {
  return { name, record: codec(`${name} record`, record, { maxBytes: 1024 * 1024 }), history };
}
