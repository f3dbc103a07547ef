/** A bucket as any NATS client sees it: past versions, and values that no schema has seen. */
import { type KV, Kvm } from '@nats-io/kv';
import type { Bus } from '../../transport/nats/bus.ts';

export function rawBucket({ nats }: Bus, { kind }: { kind: { name: string } }): Promise<KV> {
  return new Kvm(nats.jetstream).open(kind.name);
}
