/** What `GET /statistics` and `GET /statistics/launches/<uuid>` of a web server answer. Durations are in milliseconds. */
import Type, { type Static } from 'typebox';
import { codec } from './codec.ts';
import { Described, Exact, FailureSchema, Id, OneOf, Timestamp, Uuid } from './common.ts';

const Count = Type.Integer({ minimum: 0 });
const Ms = Type.Number({ minimum: 0 });

export const launchOutcomes = ['running', 'failed', 'deleted'] as const;

/** A launch, from the request that was accepted until the instance runs, has failed, or is deleted all the same. */
export const Launch = Exact(
  {
    uuid: Uuid,
    projectId: Id,
    name: Type.String(),
    startedAt: Timestamp,
    outcome: Type.Optional(Described(OneOf(launchOutcomes), 'absent: it is under way')),
    tookMs: Type.Optional(Ms),
    attempts: Described(Count, 'how often it came to the scheduler'),
    host: Type.Optional(Type.String()),
    failure: Type.Optional(Exact({ code: FailureSchema.properties.code, message: Type.String() })),
    steps: Type.Array(
      Exact({
        state: Type.String({ description: 'of the chart, dotted' }),
        attempt: Count,
        host: Type.Optional(Type.String()),
        offsetMs: Described(Ms, 'after the launch has begun'),
        tookMs: Type.Optional(Described(Ms, 'absent: it is in that state')),
      }),
    ),
  },
  { title: 'Launch' },
);
export type Launch = Static<typeof Launch>;

const percentiles = { p50Ms: Ms, p90Ms: Ms, p99Ms: Ms };

export const Statistics = Exact(
  {
    /** Of the launches that ended last, of those that are known: a thousand at most. */
    launches: Exact({
      since: Type.Optional(Described(Timestamp, 'when the first of them began')),
      ended: Count,
      outcomes: Type.Array(Exact({ outcome: OneOf(launchOutcomes), count: Count })),
      underWay: Count,
      rescheduled: Described(Count, 'how often one went back to the scheduler'),
      failures: Type.Array(Exact({ code: Type.String(), count: Count })),
      total: Type.Optional(Described(Exact(percentiles), 'of those that run')),
      states: Type.Array(Exact({ state: Type.String(), count: Count, ...percentiles })),
      placed: Type.Array(Exact({ host: Type.String(), count: Count })),
      unplaced: Described(Count, 'how often the scheduler found no host'),
    }),
    latest: Type.Array(Launch, { description: 'the last twenty, newest first; also those that are under way' }),
    minutes: Type.Array(Exact({ at: Timestamp, begun: Count, running: Count, failed: Count }), {
      description: 'of the last hour, oldest first; the last one is not over',
    }),
    messages: Type.Optional(
      Described(
        Exact({ castsPerSecond: Type.Number(), factsPerSecond: Type.Number() }),
        'what NATS has stored over the last minute, for administrators: messages between the parts, and what happened',
      ),
    ),
  },
  { title: 'Statistics' },
);
export type Statistics = Static<typeof Statistics>;

export const statistics = {
  all: codec('statistics', Statistics),
  launch: codec('launch', Launch),
} as const;
