/** The keys of records that are found by more than one id. */
import type { Caller } from '../../transport/nats/call-context.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';

export const keyPairKey = ({ projectId, userId }: Pick<Caller, 'projectId' | 'userId'>, name: string) =>
  `${projectId}.${userId}.${encodeToken(name)}`;
export const securityGroupKey = (projectId: string, name: string) => `${projectId}.${encodeToken(name)}`;
export const hostKey = encodeToken;
