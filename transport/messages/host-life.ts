/**
 * What a host may say of the life of an instance. In a record the chart is left open, as it may be of a later release; here
 * it is not: others go by what is said, and a host says nothing that they do not know.
 */
import Type, { type Static } from 'typebox';
import { codec } from './codec.ts';
import { Exact, FailureSchema, Ipv4, Mac, Time, Uuid } from './common.ts';
import { Attempt, ChartSnapshot, Flavor, InstanceLife, PayloadKey } from './records.ts';

const Fault = Exact({ ...FailureSchema.properties, step: Type.String({ maxLength: 64 }), at: Time });

const Context = Exact({
  uuid: Uuid,
  maxAttempts: Type.Integer({ minimum: 1 }),
  attempt: Attempt,
  host: Type.Optional(Type.String()),
  tried: Type.Array(Exact({ host: Type.String(), failure: Fault })),
  ports: Type.Array(Exact({ id: Uuid, networkId: Uuid, mac: Mac, addresses: Type.Array(Ipv4) })),
  isDeleteWanted: Type.Boolean(),
  isToRun: Type.Optional(Type.Boolean()),
  imageId: Type.Optional(Uuid),
  payload: Type.Optional(PayloadKey),
  wantedFlavor: Type.Optional(Flavor),
  flavor: Type.Optional(Flavor),
  previousFlavor: Type.Optional(Flavor),
  lostHost: Type.Optional(Type.String()),
  wantedHost: Type.Optional(Type.String()),
  sharedDisks: Type.Optional(Type.String()),
  fault: Type.Optional(Fault),
  scheduledAt: Type.Optional(Time),
  launchedAt: Type.Optional(Time),
  terminatedAt: Type.Optional(Time),
});

/** An effect under way. */
const Child = Exact({
  src: Type.String({ maxLength: 64 }),
  syncSnapshot: Type.Literal(false),
  snapshot: Exact({ status: Type.Literal('active'), input: Exact({ uuid: Uuid, attempt: Attempt, deadline: Time }) }),
});

const HostLife = Exact({
  ...InstanceLife.properties,
  chart: Exact({
    ...ChartSnapshot.properties,
    context: Context,
    children: Type.Optional(Type.Record(Type.String({ maxLength: 128 }), Child)),
  }),
});
export type HostLife = Static<typeof HostLife>;

/** As a part of what is asked, so that a refusal names its fields as the host knows them. */
export const saidLife = codec('what a host says', Exact({ life: HostLife }));
