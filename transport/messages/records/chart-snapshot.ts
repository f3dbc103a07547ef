/** The persisted chart: where it stands, what it knows, and the effects under way. */
import Type, { type Static } from 'typebox';
import { Exact, OneOf } from '../common.ts';

export const ChartSnapshot = Exact({
  version: Type.Integer({ minimum: 1 }),
  status: OneOf(['active', 'done']),
  value: Type.Unknown(),
  context: Type.Record(Type.String(), Type.Unknown()),
  children: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export type ChartSnapshot = Static<typeof ChartSnapshot>;
