/** Runtimes of a test's own: each with a connection of its own to one real nats-server, as so many processes would be. */

import { createLogger } from '../../actors/runtime/logger.ts';
import { createRuntime, type Runtime } from '../../actors/runtime/runtime.ts';
import type { Clock } from '../../transport/clock.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { startTestNats } from './nats.ts';

export interface TestRuntimes {
  connect(clock?: Clock): Promise<Runtime>;
  stop(): Promise<void>;
}

export async function startTestRuntimes(): Promise<TestRuntimes> {
  const nats = await startTestNats();
  const logger = createLogger(process.env.KILONOVA_LOG_LEVEL ?? 'fatal');
  const runtimes: Runtime[] = [];
  return {
    async connect(clock = systemClock) {
      const bus = await connectBus({ url: nats.url, name: 'test' });
      const runtime = await createRuntime({ bus, clock, chance: systemChance, logger });
      runtimes.push(runtime);
      return runtime;
    },
    async stop() {
      for (const { store, bus } of runtimes) {
        await store.close();
        await bus.close();
      }
      await nats.stop();
    },
  };
}
