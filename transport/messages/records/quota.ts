/** What a project may have, and what was admitted of it. */
import Type, { type Static } from 'typebox';
import { Exact, Id, Time } from '../common.ts';

/**
 * Admissions of a project: the one record that all controllers compare-and-set before they create instances, so that
 * quota and hostnames are decided by one at a time. Use itself is counted from the instances' own records, so
 * nothing has to be given back; `pending` are the admitted whose records do not show it yet: new instances by uuid,
 * and instances that are to grow by uuid and flavor.
 */
export const Admission = Exact({
  /** The revision of the instance bucket that whoever admits must have seen. */
  seen: Type.Integer({ minimum: 0 }),
  /** The revision of the project bucket that whoever admits must have seen: one that is to go admits nothing. */
  projectSeen: Type.Optional(Type.Integer({ minimum: 0 })),
  pending: Type.Record(
    Type.String(),
    Exact({
      /** Of a new instance. */
      hostname: Type.Optional(Type.String()),
      /** Of one that is to grow: what it grows to. */
      flavorId: Type.Optional(Id),
      vcpus: Type.Integer(),
      memoryMb: Type.Integer(),
      /** Tells it from an earlier one of the same; how old it is, each controller judges by itself. */
      admittedAt: Time,
    }),
  ),
});
export type Admission = Static<typeof Admission>;

const Limit = (what: string) =>
  Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1, description: `the most ${what}; -1: any number` });

export const Quota = Exact({
  instances: Limit('instances'),
  vcpus: Limit('virtual processors of all instances'),
  memoryMb: Limit('memory of all instances, in MiB'),
  keyPairs: Limit('key pairs of each user in the project'),
  serverGroups: Limit('server groups'),
  securityGroups: Limit('security groups'),
});
export type Quota = Static<typeof Quota>;
