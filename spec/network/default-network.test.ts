import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureDefaultNetwork } from '../../actors/network/default-network.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';

let runtimes: TestRuntimes;
beforeAll(async () => {
  runtimes = await startTestRuntimes();
});
afterAll(() => runtimes.stop());

it('makes the default network once, however often and from wherever it is asked to', async () => {
  const each = await Promise.all([1, 2].map(() => runtimes.connect()));
  const made = await Promise.all([...each, ...each].map((runtime) => ensureDefaultNetwork(runtime)));
  for (const one of made) expect(one).toEqual(made[0]);
  expect(made[0]).toMatchObject({
    network: { name: 'default', type: 'flat', bridge: 'kn-br0', mtu: 1500 },
    subnet: { cidr: '10.20.0.0/22', gateway: '10.20.0.1', allocation: { first: '10.20.0.2', last: '10.20.3.254' } },
  });
});

it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/31', 'network'])('refuses %s as its block', async (cidr) => {
  await expect(ensureDefaultNetwork(await runtimes.connect(), { cidr })).rejects.toThrow(TypeError);
});
