/** An aggregate as an administrator sees it. */
import type { AggregateView } from '../../transport/messages/api/host.ts';
import type { Aggregate } from '../../transport/messages/records.ts';
import { timestamp } from './timestamp.ts';

export function viewAggregate({ createdAt, updatedAt, ...rest }: Aggregate): AggregateView {
  return { ...rest, createdAt: timestamp(createdAt), updatedAt: timestamp(updatedAt) };
}
