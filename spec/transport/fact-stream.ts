/** The stream of facts, on a nats-server of the test's own. */
import { onTestFinished } from 'vitest';
import { facts, type InstanceFact } from '../../transport/messages/internal.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { ensureFactStream, publishFact } from '../../transport/nats/fact.ts';
import { streams, subjects } from '../../transport/nats/subjects.ts';
import { readGolden } from '../messages/golden.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { eventually } from '../support/test-cloud.ts';
import { openBus } from './support.ts';

const golden = readGolden('facts.instance.body') as InstanceFact;

export interface FactStream {
  nats: TestNats;
  bus: Bus;
  /** Of an instance of project demo; resolves when all are in the stream. */
  tell(count: number, body?: Partial<InstanceFact>): Promise<void>;
  /** The server comes back without anything that was told. */
  lose(): Promise<void>;
}

export async function openFactStream(): Promise<FactStream> {
  const nats = await startTestNats();
  onTestFinished(() => nats.stop());
  const bus = await openBus(nats.url);
  await ensureFactStream(bus.nats);
  return {
    nats,
    bus,
    async tell(count, body = {}) {
      for (let told = 0; told < count; told++) {
        publishFact(bus, subjects.instanceFact('demo', golden.uuid), facts.instance, { ...golden, ...body });
      }
      // What is asked after it is answered after it.
      await bus.nats.manager.streams.info(streams.facts.name);
    },
    async lose() {
      await nats.kill();
      await nats.loseState();
      await nats.startAgain();
      await eventually(() =>
        ensureFactStream(bus.nats).then(
          () => true,
          () => undefined,
        ),
      );
    },
  };
}
