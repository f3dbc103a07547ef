/** Bridges by the real ip, in a network namespace of the test's own. Needs root. */
import { randomBytes } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ensureBridge, removeBridge } from '../../actors/network/linux-bridge.ts';
import { runCommand } from '../../actors/process/run-command.ts';
import { failureOf, never } from '../images/fixtures.ts';

const bridge = { name: 'br-one', address: '10.9.0.1/22', mtu: 1450 };

async function namespace() {
  const networkNamespace = `kn${randomBytes(4).toString('hex')}`;
  await runCommand('ip', ['netns', 'add', networkNamespace]);
  onTestFinished(async () => void (await runCommand('ip', ['netns', 'del', networkNamespace])));
  const ip = async (...args: string[]) => (await runCommand('ip', ['-n', networkNamespace, ...args])).stdout;
  const show = async (name: string) =>
    (JSON.parse(await ip('-j', '-d', 'addr', 'show', 'dev', name)) as Record<string, unknown>[])[0];
  const names = async () => (JSON.parse(await ip('-j', 'link')) as { ifname: string }[]).map((link) => link.ifname);
  return { place: { networkNamespace }, ip, show, names };
}

describe.skipIf(process.getuid?.() !== 0)('linux bridge', () => {
  test('ensuring makes a bridge that is up, with its address and MTU', async () => {
    const { place, show } = await namespace();
    await ensureBridge(bridge, never, place);
    expect(await show('br-one')).toMatchObject({
      mtu: 1450,
      flags: expect.arrayContaining(['UP']),
      linkinfo: { info_kind: 'bridge' },
      addr_info: expect.arrayContaining([expect.objectContaining({ local: '10.9.0.1', prefixlen: 22 })]),
    });
  });

  test('twenty at once, of two bridges, make two', async () => {
    const { place, names, show } = await namespace();
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        ensureBridge({ ...bridge, name: n % 2 === 0 ? 'br-one' : 'br-two' }, never, place),
      ),
    );
    expect((await names()).toSorted()).toEqual(['br-one', 'br-two', 'lo']);
    expect(JSON.stringify(await show('br-two')).match(/10\.9\.0\.1/g)).toHaveLength(1);
  });

  test('ensuring again keeps MAC and ports, and repairs the rest', async () => {
    const { place, ip, show } = await namespace();
    await ensureBridge(bridge, never, place);
    await ip('link', 'add', 'tap0', 'type', 'veth', 'peer', 'name', 'tap1');
    await ip('link', 'set', 'tap0', 'address', '02:00:00:00:00:00', 'master', 'br-one');
    const before = await show('br-one');
    await ip('link', 'set', 'br-one', 'down', 'mtu', '1400');
    await ip('addr', 'flush', 'dev', 'br-one');
    await ensureBridge(bridge, never, place);
    expect(await show('br-one')).toMatchObject({ address: before?.address, mtu: 1450 });
    expect(JSON.stringify(await show('br-one'))).toContain('10.9.0.1');
    expect(await ip('link', 'show', 'master', 'br-one')).toContain('tap0');
  });

  test('removing leaves nothing, may be repeated, and refuses while there are ports', async () => {
    const { place, ip, names } = await namespace();
    await ensureBridge(bridge, never, place);
    await ip('link', 'add', 'tap0', 'type', 'veth', 'peer', 'name', 'tap1');
    await ip('link', 'set', 'tap0', 'master', 'br-one');
    expect(await failureOf(removeBridge('br-one', never, place))).toMatchObject({
      code: 'conflict',
      details: { ports: ['tap0'] },
    });
    await ip('link', 'del', 'tap0');
    await removeBridge('br-one', never, place);
    await removeBridge('br-one', never, place);
    expect(await names()).toEqual(['lo']);
  });

  test('an interface that is no bridge is neither used nor removed', async () => {
    const { place, ip, names } = await namespace();
    await ip('link', 'add', 'br-one', 'type', 'veth', 'peer', 'name', 'other');
    expect(await failureOf(ensureBridge(bridge, never, place))).toMatchObject({ code: 'network_unavailable' });
    expect(await failureOf(removeBridge('br-one', never, place))).toMatchObject({ code: 'network_unavailable' });
    expect(await names()).toContain('br-one');
  });

  test('an aborted step says so and makes nothing', async () => {
    const { place, names } = await namespace();
    const failure = await failureOf(ensureBridge(bridge, AbortSignal.abort(), place));
    expect(failure).toMatchObject({ code: 'cancelled' });
    expect(await names()).toEqual(['lo']);
  });
});

test.each([
  { name: 'a-name-too-long-' },
  { name: '-d' },
  { name: 'br 0' },
  { name: '' },
  { name: 'br0\n' },
  { address: '10.0.0.1' },
  { address: '10.0.0.1/33' },
  { address: '10.0.0.1/24/1' },
  { address: 'fe80::1%lo/64' },
  { mtu: 0 },
  { mtu: 1500.5 },
])('%j is refused', async (wrong) => {
  expect(await failureOf(ensureBridge({ ...bridge, ...wrong }, never))).toMatchObject({ code: 'invalid_request' });
});
