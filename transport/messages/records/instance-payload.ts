/**
 * What a client asked to be put on its instance. Secret; a record of its own, which the instance's record names, and which
 * is removed when none names it any more.
 */
import Type, { type Static } from 'typebox';
import { Exact } from '../common.ts';

/** The instance's uuid, and, of a payload that came with a rebuild, an id of its own. */
export const PayloadKey = Type.String({ pattern: '^[0-9a-f-]{36}(\\.[0-9a-f-]{36})?$' });

export const InstancePayload = Exact({
  adminPassword: Type.Optional(Type.String()),
  userData: Type.Optional(Type.String()),
  files: Type.Optional(Type.Array(Exact({ path: Type.String(), contents: Type.String() }))),
});
export type InstancePayload = Static<typeof InstancePayload>;
