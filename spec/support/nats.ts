/**
 * A nats-server of a test's own: a free port, a folder of its own, both gone afterwards.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNatsServer } from '../../actors/setup/nats-server.ts';

export interface TestNats {
  url: string;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

export async function startTestNats(): Promise<TestNats> {
  const stateDir = await mkdtemp(join(tmpdir(), 'kilonova-nats-'));
  try {
    const server = await startNatsServer({ stateDir, port: 0 });
    return {
      url: server.url,
      async stop() {
        await server.stop();
        await rm(stateDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(stateDir, { recursive: true, force: true });
    throw error;
  }
}
