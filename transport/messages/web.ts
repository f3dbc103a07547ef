/** What a web server and the pages in a browser say to each other beside the API (`transport/http/`). */
import Type, { type Static } from 'typebox';
import { PasswordSignIn } from './api/identity.ts';
import { codec } from './codec.ts';
import { Exact, Id, OneOf, Timestamp } from './common.ts';
import type { AlarmFact, HostFact, InstanceFact } from './internal.ts';
import { roleNames } from './records.ts';

/** `POST /session`: what is shown once, and not kept. */
const SignIn = Type.Union([Exact({ token: Type.String({ pattern: '^[!-~]{1,512}$' }) }), PasswordSignIn]);
export type SignIn = Static<typeof SignIn>;

const Named = Exact({ id: Id, name: Type.String() });

/** What `POST /session` and `GET /session` answer: who is signed in. */
const SessionView = Exact({
  user: Named,
  project: Named,
  roles: Type.Array(OneOf(roleNames)),
  expiresAt: Type.Optional(Timestamp),
});
export type SessionView = Static<typeof SessionView>;

export const web = {
  signIn: codec('sign-in', SignIn, { maxBytes: 4096 }),
  session: codec('session', SessionView),
} as const;

/** A fact with its place in the stream of facts: later ones have greater ones. */
export type LiveEntry = { sequence: number } & (
  | { kind: 'instance'; fact: InstanceFact }
  /** These two only for administrators. */
  | { kind: 'host'; fact: HostFact }
  | { kind: 'alarm'; fact: AlarmFact }
);

/**
 * What comes on the WebSocket `/live`, as JSON. The query may name the `epoch` and, as `after`, the sequence that a
 * connection before this one has come to: what was missed since then comes first.
 */
export type LiveFrame =
  /**
   * First of all, and again where places start over. Sequences count only within an epoch: a store that was put back gives
   * them out again.
   */
  | { type: 'hello'; epoch: string; sequence: number }
  | { type: 'facts'; entries: LiveEntry[] }
  /** Every `stillEveryMs`: all up to that place was told. Whoever hears not even this is not connected any more. */
  | { type: 'still'; sequence: number }
  /** Facts were left out: whoever shows a state has to ask for it anew. What follows is whole again. */
  | { type: 'reset' };

export const stillEveryMs = 20_000;

/** Why a WebSocket was closed, beside what the protocol knows. */
export const closeCodes = {
  /** Nobody is signed in by it any more. */
  signedOut: 4401,
  /** Its user may more, or less, than before: to be opened again. */
  rolesChanged: 4403,
} as const;
