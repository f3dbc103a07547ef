/** Streams are made by whichever part is first. What an operator sets is changed of those that are there, too. */
import { JetStreamApiError, type StreamConfig } from '@nats-io/jetstream';
import type { Nats } from './bus.ts';
import { answered } from './store-answer.ts';

/** What an operator may set of the store; what is absent stays as it is. */
export interface StoreSettings {
  /** What it may hold, where its server does not tell. */
  bytes?: number | undefined;
  /** On how many servers of a cluster each record stands. */
  replicas?: number | undefined;
  /** How long facts are kept. */
  factDays?: number | undefined;
}

/** `set`: what of the configuration an operator has set. */
export async function ensureStream(
  nats: Nats,
  config: Partial<StreamConfig> & { name: string },
  set: Partial<StreamConfig> = {},
): Promise<void> {
  const replicated = replication(nats.store);
  if (await adjustStream(nats, config.name, { ...replicated, ...set })) return;
  try {
    await answered(nats.manager.streams.add({ ...config, ...replicated, ...set }));
  } catch (error) {
    // Another process was faster, and was told otherwise.
    if (!(error instanceof JetStreamApiError && error.code === nameInUse)) throw error;
    await adjustStream(nats, config.name, { ...replicated, ...set });
  }
}

/** Changes what is set of a stream, if it is otherwise; resolves with whether there is such a stream. */
export async function adjustStream({ manager }: Nats, name: string, set: Partial<StreamConfig>): Promise<boolean> {
  try {
    const { config } = await answered(manager.streams.info(name));
    const isOtherwise = Object.entries(set).some(([key, value]) => config[key as keyof StreamConfig] !== value);
    if (isOtherwise) await answered(manager.streams.update(name, set));
    return true;
  } catch (error) {
    if (isStreamGone(error)) return false;
    throw error;
  }
}

export function replication({ replicas }: StoreSettings): Partial<StreamConfig> {
  return replicas === undefined ? {} : { num_replicas: replicas };
}

/** Whether there is no such stream. */
export function isStreamGone(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === streamNotFound;
}

/** JetStream's. */
const streamNotFound = 10059;
const nameInUse = 10058;
