/** Where instances want to be in relation to each other: in groups, and one by one. */
import Type, { type Static } from 'typebox';
import { Described, Exact, Id, Name, OneOf, Time, Uuid } from '../common.ts';

/** Where an instance wants to be, in relation to others. Nova's scheduler hints. */
export const SchedulerHints = Exact({
  /** A server group's id. */
  group: Type.Optional(Uuid),
  sameHost: Type.Optional(Type.Array(Uuid, { maxItems: 64 })),
  differentHost: Type.Optional(Type.Array(Uuid, { maxItems: 64 })),
});
export type SchedulerHints = Static<typeof SchedulerHints>;

export const ServerGroup = Exact({
  id: Uuid,
  name: Name,
  projectId: Id,
  policy: Described(OneOf(['affinity', 'anti-affinity']), 'all on one host, or each on a host of its own'),
  createdAt: Time,
  /** Instance → where a scheduler has just placed it, in which attempt: all schedulers compare-and-set it. */
  placing: Type.Optional(Type.Record(Type.String(), Exact({ host: Type.String(), attempt: Type.Integer() }))),
});
export type ServerGroup = Static<typeof ServerGroup>;
