/** A nats-server of a part of the benchmark: a free port, a folder of its own, both gone afterwards. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NatsServer, startNatsServer } from '../../actors/setup/nats-server.ts';

/** As `startTestNats`, but its process is known: its CPU is measured too. */
export async function withNats<T>(work: (nats: NatsServer) => Promise<T>): Promise<T> {
  const stateDir = await mkdtemp(join(tmpdir(), 'kilonova-bench-nats-'));
  try {
    const nats = await startNatsServer({ stateDir, port: 0 });
    try {
      return await work(nats);
    } finally {
      await nats.stop();
    }
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}
