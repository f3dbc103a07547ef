import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../transport/messages/api/endpoint.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { type BareClient, connectBare } from './bare-client.ts';

let cloud: TestCloud;
let bare: BareClient;
let ask: ReturnType<BareClient['as']>;
beforeAll(async () => {
  cloud = await startTestCloud();
  bare = await connectBare(cloud.url);
  ask = bare.as(cloud.token);
});
afterAll(async () => {
  await bare.close();
  await cloud.stop();
});

const asked = new Set<string>();

/** Asks, and checks that the answer is a success of the shape that is promised. */
async function succeed<Q, R>(endpoint: Endpoint<Q, R>, request: Q): Promise<R> {
  asked.add(endpoint.name);
  const { body, failure, code } = await ask(endpoint.name, request);
  expect([failure, code]).toEqual([undefined, undefined]);
  return endpoint.reply.check(body);
}

describe('a client that is nothing but a NATS connection', () => {
  it('takes an instance through all its commands', async () => {
    const { instances } = await succeed(api.instance.create, { name: 'bare', image: 'simulated', flavor: 'm1.micro' });
    const uuid = instances[0]?.uuid ?? '';
    const reach = (state: string) => cloud.until(uuid, (instance) => instance.state === state);
    await reach('running');
    for (const [verb, state] of [
      ['pause', 'paused'],
      ['unpause', 'running'],
      ['suspend', 'suspended'],
      ['resume', 'running'],
      ['stop', 'stopped'],
      ['start', 'running'],
      ['reboot', 'running'],
    ] as const) {
      const { instance } = await succeed(api.instance[verb], { uuid });
      expect(instance.uuid).toBe(uuid);
      await reach(state);
    }
    expect((await succeed(api.instance.get, { uuid })).instance.state).toBe('running');
    expect((await succeed(api.instance.list, { name: 'bare' })).instances).toHaveLength(1);
    expect((await succeed(api.instance.consoleLog, { uuid, maxBytes: 100 })).output).not.toBe('');
    await succeed(api.instance.delete, { uuid });
    await reach('deleted');
  });

  it('makes, lists and deletes a key pair', async () => {
    expect((await succeed(api.keyPair.create, { name: 'bare' })).privateKey).toContain('PRIVATE KEY');
    expect((await succeed(api.keyPair.list, {})).keyPairs).toHaveLength(1);
    await succeed(api.keyPair.delete, { name: 'bare' });
    expect((await succeed(api.keyPair.list, {})).keyPairs).toEqual([]);
  });

  it('lists images, flavors and hosts', async () => {
    expect((await succeed(api.image.list, {})).images.map(({ name }) => name)).toEqual(['simulated']);
    expect((await succeed(api.flavor.list, {})).flavors[0]?.name).toBe('m1.micro');
    expect((await succeed(api.host.list, {})).hosts).toMatchObject([{ name: 'host1', isAlive: true }]);
  });

  it('has now asked every endpoint that there is', () => {
    const all = Object.values(api).flatMap((verbs) => Object.values(verbs).map(({ name }) => name));
    expect([...asked].toSorted()).toEqual(all.toSorted());
  });

  it('is answered with its own request id, when that is well-formed', async () => {
    const requestId = 'req-01234567-89ab-cdef-0123-456789abcdef';
    const kept = await ask('instance.get', {}, { 'X-Request-Id': requestId });
    expect(kept.requestId).toBe(requestId);
    const replaced = await ask('instance.get', {}, { 'X-Request-Id': 'req-$(reboot)' });
    expect(replaced.requestId).toMatch(/^req-[0-9a-f-]{36}$/);
  });
});
