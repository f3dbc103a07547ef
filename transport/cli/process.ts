/** One process of the cloud: connected to NATS, running its parts until it is told to stop. */

import { type Life, Lives } from '../../actors/runtime/lives.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { createRuntime } from '../../actors/runtime/runtime.ts';
import { openTracing } from '../../actors/runtime/tracing.ts';
import { systemChance, systemClock } from '../clock.ts';
import { shownUrls } from '../nats/server-urls.ts';
import { connectTo, type NatsAccess } from './nats-access.ts';
import type { Settings } from './settings.ts';
import { sayOn } from './tell.ts';
import { readVersion } from './version.ts';

/**
 * Begins the lives of this process, each with a connection of its own. `signal` ends them, and the waiting for a server
 * that is not there yet; `say` is told what whoever runs the process should know.
 */
export async function startProcess(
  name: string,
  access: NatsAccess,
  settings: Settings,
  { signal, say, begin }: { signal: AbortSignal; say: (line: string) => void; begin: (life: Life) => Promise<unknown> },
): Promise<Lives> {
  const logger = createLogger(settings.logLevel, settings.logFile).child({ process: name });
  const incarnation = systemChance.uuid();
  const { maxDeliveries } = settings;
  const service = { name: `kilonova-${name}`, version: readVersion(), instance: incarnation };
  const tracing = await openTracing(service, { clock: systemClock, logger });
  return Lives.start({
    clock: systemClock,
    logger,
    signal,
    begin,
    async connect(isFirst, signal) {
      const bus = await connectTo(access, {
        name: `kilonova ${name}`,
        tracer: tracing?.tracer,
        signal,
        endsWithServer: true,
        store: { bytes: settings.natsStore, replicas: settings.natsReplicas, factDays: settings.keepFacts },
        waitMs: isFirst ? settings.natsWait * 1000 : Number.POSITIVE_INFINITY,
        onWait: (reason) => sayOn(process.stderr)(`· waiting for NATS at ${shownUrls(access.url)}: ${reason}`),
        onRefusal: (refusal) => logger.error(refusal, 'the NATS user of this process may not do that (--creds)'),
      });
      if (isFirst && !bus.nats.connection.info?.auth_required) {
        say(`! whoever reaches ${shownUrls(access.url)} can do everything with this cloud: that NATS has no users`);
      }
      const given = { bus, clock: systemClock, chance: systemChance, logger, incarnation, maxDeliveries };
      return createRuntime(given).catch(async (error: unknown) => {
        // It would keep the process from ending.
        await bus.close();
        throw error;
      });
    },
    onEnd: async () => tracing?.stop(),
    onNext: (reason) => sayOn(process.stderr)(`! ${reason}: beginning again with what is stored; instances go on`),
  });
}

/** Resolves with the name of the signal that asks this process to stop. */
export function askedToStop(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal));
  });
}
