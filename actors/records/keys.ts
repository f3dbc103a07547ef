/** The keys of records that are found by more than one id. */
import type { Caller } from '../../transport/messages/call-context.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';

const uuidLength = 36;

export const keyPairKey = ({ projectId, userId }: Pick<Caller, 'projectId' | 'userId'>, name: string) =>
  `${projectId}.${userId}.${encodeToken(name)}`;
export const securityGroupKey = (projectId: string, name: string) => `${projectId}.${encodeToken(name)}`;
export const hostKey = encodeToken;
/** Of a launch, or, with an id, of a rebuild. */
export const payloadKey = (instanceUuid: string, id?: string) =>
  id === undefined ? instanceUuid : `${instanceUuid}.${id}`;
/** The instance that the payload is, or was to be, put on. */
export const instanceOfPayload = (key: string) => key.slice(0, uuidLength);
/** It begins with the consumer, whose user may write no other. */
export const deadLetterKey = (consumer: string, takenAt: number, sequence: number) =>
  `${consumer}.${takenAt}-${sequence}`;
export const consumerOfDeadLetter = (key: string) => key.slice(0, Math.max(0, key.lastIndexOf('.')));
