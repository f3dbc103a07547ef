import { afterEach, beforeEach, expect, it } from 'vitest';
import { MacAddresses } from '../../actors/network/mac-addresses.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';

let runtimes: TestRuntimes;
// A cloud each: makers reserve ahead, and would move another test's counter.
beforeEach(async () => {
  runtimes = await startTestRuntimes();
});
afterEach(() => runtimes.stop());

it('never gives a MAC twice, whichever process gives it', async () => {
  const makers = await Promise.all([1, 2, 3].map(async () => MacAddresses.open(await runtimes.connect())));
  const macs = await Promise.all(makers.flatMap((maker) => Array.from({ length: 1000 }, () => maker.take())));
  expect(new Set(macs).size).toBe(3000);
  expect(macs.filter((mac) => !/^fa:16:3e(:[0-9a-f]{2}){3}$/.test(mac))).toEqual([]);
});

it('passes over MACs that ports have, also when the counter comes round', async () => {
  const runtime = await runtimes.connect();
  const counter = await runtime.store.bucket('counter');
  await counter.put('mac', { next: 2 ** 24 - 256 });
  const ports = await runtime.store.bucket('port');
  const id = nameUuid('port', 'test');
  await ports.create(id, {
    id,
    networkId: id,
    projectId: 'project',
    instanceUuid: id,
    host: 'host1',
    mac: 'fa:16:3e:00:00:00',
    fixedIps: [],
    securityGroups: [],
    createdAt: 0,
  });
  const maker = await MacAddresses.open(runtime);
  const macs: string[] = [];
  for (let index = 0; index < 257; index++) macs.push(await maker.take());
  expect(macs[0]).toBe('fa:16:3e:ff:ff:00');
  expect(macs[255]).toBe('fa:16:3e:ff:ff:ff');
  expect(macs[256]).toBe('fa:16:3e:00:00:01');
});
