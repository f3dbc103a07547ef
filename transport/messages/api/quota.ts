/** Requests about quotas. */
import Type, { type Static } from 'typebox';
import { Exact, Id } from '../common.ts';
import { Quota } from '../records.ts';
import { read, write } from './endpoint.ts';
import { ProjectId } from './fields.ts';

const Use = Exact(
  {
    limit: Type.Integer({ minimum: -1, description: 'the most that there may be; -1: any number' }),
    used: Type.Integer({ minimum: 0, description: 'of it, now' }),
  },
  { title: 'Use' },
);
const resources = Object.keys(Quota.properties) as (keyof Quota)[];

/** Of each resource the limit, and what is used of it. Key pairs are counted for each user: here, for the caller. */
export const QuotaView = Exact(
  {
    projectId: Id,
    ...(Object.fromEntries(resources.map((name) => [name, Use])) as Record<keyof Quota, typeof Use>),
  },
  { title: 'Quota' },
);
export type QuotaView = Static<typeof QuotaView>;

const Reply = Exact({ quota: QuotaView });

export const quotaEndpoints = {
  get: read({
    name: 'quota.get',
    description: 'What the project may have, and has. Administrators may ask for any project.',
    request: Exact({ projectId: Type.Optional(ProjectId) }),
    reply: Reply,
  }),
  set: write({
    name: 'quota.set',
    description:
      'Changes limits of a project: what is not given stays as it is. A limit below what is used takes nothing away.',
    access: 'admin',
    request: Exact({
      projectId: ProjectId,
      ...(Object.fromEntries(
        Object.entries(Quota.properties).map(([name, limit]) => [name, Type.Optional(limit)]),
      ) as Record<keyof Quota, ReturnType<typeof Type.Optional<typeof Quota.properties.instances>>>),
    }),
    reply: Reply,
  }),
  reset: write({
    name: 'quota.reset',
    description: 'Gives a project the limits back that every new one has.',
    access: 'admin',
    request: Exact({ projectId: ProjectId }),
    reply: Reply,
  }),
};
