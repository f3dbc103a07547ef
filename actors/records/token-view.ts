/** A token as a client sees it: its key is the digest of a secret that nobody keeps. */
import type { TokenView } from '../../transport/messages/api/identity.ts';
import type { Token } from '../../transport/messages/records.ts';
import { timestamp } from './timestamp.ts';

export function viewToken({ key, value }: { key: string; value: Token }): TokenView {
  const { userId, projectId, description, expiresAt, createdAt } = value;
  return {
    id: key,
    userId,
    projectId,
    ...(description !== undefined && { description }),
    ...(expiresAt !== undefined && { expiresAt: timestamp(expiresAt) }),
    createdAt: timestamp(createdAt),
  };
}
