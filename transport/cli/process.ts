/** One process of the cloud: connected to NATS, running its parts until it is told to stop. */

import { createLogger } from '../../actors/runtime/logger.ts';
import { createRuntime, type Part, type Runtime } from '../../actors/runtime/runtime.ts';
import { systemChance, systemClock } from '../clock.ts';
import { shownUrls } from '../nats/server-urls.ts';
import { connectTo, type NatsAccess } from './nats-access.ts';
import type { Settings } from './settings.ts';

export interface Process {
  readonly runtime: Runtime;
  /** Parts are stopped in the reverse of the order in which they were added, then NATS is drained. */
  add(part: Part): void;
  /** Rejects when the process must not go on, with the reason. */
  readonly broken: Promise<never>;
  stop(): Promise<void>;
}

/** `signal` ends the waiting for a server that is not there yet; `say` is told what whoever runs it should know. */
export async function startProcess(
  name: string,
  access: NatsAccess,
  settings: Settings,
  { signal, say }: { signal: AbortSignal; say: (line: string) => void },
): Promise<Process> {
  const logger = createLogger(settings.logLevel, settings.logFile).child({ process: name });
  const bus = await connectTo(access, {
    name: `kilonova ${name}`,
    signal,
    store: { bytes: settings.natsStore, replicas: settings.natsReplicas, factDays: settings.keepFacts },
    waitMs: settings.natsWait * 1000,
    onWait: (reason) => process.stderr.write(`· waiting for NATS at ${shownUrls(access.url)}: ${reason}\n`),
    onRefusal: (refusal) => logger.error(refusal, 'the NATS user of this process may not do that (--creds)'),
  });
  if (!bus.nats.connection.info?.auth_required) {
    say(`! whoever reaches ${shownUrls(access.url)} can do everything with this cloud: that NATS has no users`);
  }
  const { maxDeliveries } = settings;
  const runtime = await createRuntime({ bus, clock: systemClock, chance: systemChance, logger, maxDeliveries });
  const parts: Part[] = [];
  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    for (const part of parts.toReversed()) await part.stop();
    await runtime.store.close();
    await bus.close();
  }
  const broken = runtime.store.lost.then((error): never => {
    throw error;
  });
  // Nobody may listen before the parts have started.
  broken.catch(() => undefined);
  return {
    runtime,
    broken,
    add: (part) => parts.push(part),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** Resolves with the name of the signal that asks this process to stop. */
export function askedToStop(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal));
  });
}
