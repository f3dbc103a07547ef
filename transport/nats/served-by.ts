/** By whom a connection is served: by another once the nats-server was started anew. Of a cluster each is as good as any. */
import type { NatsConnection } from 'nats';

export function servedBy({ info }: NatsConnection): string {
  return info?.cluster ?? info?.server_id ?? '';
}
