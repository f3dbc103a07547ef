/** What the links of the bare chain and its client agree on. */
import { RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { nanos } from 'nats';
import type { Bus } from '../../transport/nats/bus.ts';

export const bareStreams = { casts: 'BARE_CASTS', facts: 'BARE_FACTS' } as const;

/** As the buckets of the records that they stand for. */
export const bareBuckets = {
  admission: { name: 'bare_admission', history: 1 },
  instance: { name: 'bare_instance', history: 16 },
  address: { name: 'bare_address', history: 1 },
  port: { name: 'bare_port', history: 1 },
} as const;

/** Marks the last fact of a launch. */
export const isRunning = 'running';

export interface BareMessage {
  id: string;
  revision: number;
  mark: string;
}

const decoder = new TextDecoder();

export function padded(size: number, id: string, revision = 0, mark = ''): string {
  return `${id} ${revision} ${mark} `.padEnd(size, 'x');
}

export function readBare(body: Uint8Array): BareMessage {
  const [id = '', revision = '', mark = ''] = decoder.decode(body).split(' ', 3);
  return { id, revision: Number(revision), mark };
}

/** With the settings of the streams that they stand for. */
export async function ensureBareStreams({ nats: { manager } }: Bus): Promise<void> {
  await manager.streams.add({
    name: bareStreams.casts,
    subjects: ['bare.cast.>'],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    duplicate_window: nanos(120_000),
  });
  await manager.streams.add({ name: bareStreams.facts, subjects: ['bare.fact.>'], storage: StorageType.File });
}
