/** A process's connection to NATS, when the server is there and when it is not. */
import { expect, it } from 'vitest';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { startTestNats } from '../support/nats.ts';

it('says which server it is connected to', async () => {
  const nats = await startTestNats();
  const bus = await connectBus({ url: nats.url, name: 'test' });
  expect(bus.nats.serverVersion).toMatch(/^\d+\.\d+\.\d+/);
  await bus.close();
  await nats.stop();
});

it('closes, also more than once, and also when the server is gone', async () => {
  const nats = await startTestNats();
  const [one, other] = await Promise.all(['one', 'other'].map((name) => connectBus({ url: nats.url, name })));
  await one?.close();
  await one?.close();
  await nats.stop();
  await other?.close();
  expect([one?.nats.connection.isClosed(), other?.nats.connection.isClosed()]).toEqual([true, true]);
});

it('rejects when there is no server', async () => {
  await expect(connectBus({ url: 'nats://127.0.0.1:1', name: 'test' })).rejects.toThrow();
});
