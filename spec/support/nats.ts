/**
 * A nats-server of a test's own: a free port, a folder of its own, both gone afterwards. It can be killed, and be started
 * again where it was, with what it has stored or without.
 */

import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NatsServerOptions, startNatsServer } from '../../actors/setup/nats-server.ts';

export interface TestNats {
  url: string;
  /** Ends it outright, as a power cut of its machine would but for what the disk has not taken. */
  kill(): Promise<void>;
  /** On the same address, with what it has stored. */
  startAgain(): Promise<void>;
  /** Of what it has stored, which it goes on changing. */
  keepCopy(): Promise<void>;
  /** Puts the copy in its place; while it is not running. */
  restoreCopy(): Promise<void>;
  /** Removes what it has stored; while it is not running. */
  loseState(): Promise<void>;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

export async function startTestNats(options: Omit<NatsServerOptions, 'stateDir' | 'port'> = {}): Promise<TestNats> {
  const stateDir = await mkdtemp(join(tmpdir(), 'kilonova-nats-'));
  try {
    let server = await startNatsServer({ ...options, stateDir, port: 0 });
    const { url } = server;
    const store = join(stateDir, 'nats');
    const copy = join(stateDir, 'copy');
    return {
      url,
      async kill() {
        process.kill(server.pid, 'SIGKILL');
        await server.ended;
      },
      async startAgain() {
        server = await startNatsServer({ ...options, stateDir, port: Number(new URL(url).port) });
      },
      keepCopy: () => cp(store, copy, { recursive: true }),
      async restoreCopy() {
        await rm(store, { recursive: true, force: true });
        await rename(copy, store);
      },
      loseState: () => rm(store, { recursive: true, force: true }),
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
