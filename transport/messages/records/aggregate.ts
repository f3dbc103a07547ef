/** A group of hosts. Nova's host aggregate. */
import Type, { type Static } from 'typebox';
import { Exact, Id, Metadata, Name, Time, Uuid } from '../common.ts';

export const Aggregate = Exact({
  id: Uuid,
  name: Name,
  /** The zone that its hosts are in, instead of their own. */
  availabilityZone: Type.Optional(Id),
  hosts: Type.Array(Type.String({ minLength: 1, maxLength: 255 })),
  metadata: Metadata,
  createdAt: Time,
  updatedAt: Time,
});
export type Aggregate = Static<typeof Aggregate>;
