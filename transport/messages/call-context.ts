/** What travels with a message besides its body: the request's id, the W3C trace context, and on whose behalf it happens. */
import Type, { type Static } from 'typebox';

/** Who asks. Set by an API server that has authenticated the request; `roles` are those in `projectId`. */
export const Caller = Type.Object({
  userId: Type.String(),
  projectId: Type.String(),
  roles: Type.Array(Type.String()),
  /** The key of the token that was shown. */
  tokenId: Type.Optional(Type.String()),
  /** When it ends; absent: never. */
  expiresAt: Type.Optional(Type.Number()),
});
export type Caller = Static<typeof Caller>;

/**
 * Who asks where nobody has to show a token: by which way, which is sure, and then what is said there of who it is. Good for
 * giving each a fair share, and for nothing else.
 */
export const Asker = Type.Array(Type.String());
export type Asker = Static<typeof Asker>;

export const CallContext = Type.Object({
  requestId: Type.String(),
  /** Absent: nobody traces what comes of it. */
  traceparent: Type.Optional(Type.String()),
  caller: Type.Optional(Caller),
  asker: Type.Optional(Asker),
});
export type CallContext = Static<typeof CallContext>;
