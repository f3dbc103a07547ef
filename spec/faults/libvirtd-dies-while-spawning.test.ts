/** libvirtd is killed in the midst of real launches: what its result is nobody knows, and looking settles it. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NftablesFirewall } from '../../actors/firewall/nftables-firewall.ts';
import { stateOf } from '../../actors/instance/stored-chart.ts';
import { LibvirtClient } from '../../actors/libvirt/libvirt-client.ts';
import { removeBridge } from '../../actors/network/linux-bridge.ts';
import { runCommand } from '../../actors/process/run-command.ts';
import { api } from '../../transport/messages/api.ts';
import type { HeldGuest } from '../checker/remains.ts';
import { type PrivateLibvirtd, startPrivateLibvirtd } from '../support/private-libvirtd.ts';
import { eventually } from '../support/test-cloud.ts';
import { FaultCloud } from './fault-cloud.ts';
import { isLong, storyMs } from './how-long.ts';

const launches = 3;
const host = 'host-1';
const own = process.pid.toString(36);
const bridge = `kf-${own}`;
const nftTable = `kilonova_faults_${own}`;
/** From the block that RFC 2544 keeps for tests. */
const cidr = `198.19.${process.pid % 256}.0/24`;

const cleanups = new AsyncDisposableStack();
let libvirtd: PrivateLibvirtd;
let cloud: FaultCloud;

beforeAll(async () => {
  cleanups.defer(async () => {
    await removeBridge(bridge, AbortSignal.timeout(10_000)).catch(() => undefined);
    await runCommand('nft', ['delete', 'table', 'bridge', nftTable]).catch(() => undefined);
  });
  libvirtd = cleanups.use(await startPrivateLibvirtd());
  const libvirt = ['--hypervisor', 'libvirt', '--libvirt-uri', libvirtd.uri, '--virt-type', 'qemu'];
  cloud = cleanups.use(
    await FaultCloud.start({
      hosts: [host],
      hostFlags: [...libvirt, '--nft-table', nftTable],
      controllerFlags: ['--bridge', bridge, '--cidr', cidr],
      wishes: { image: 'kilonova-test' },
      held: heldByLibvirt,
    }),
  );
}, storyMs);

afterAll(() => cleanups.disposeAsync(), storyMs);

const steps = ['creatingDomain', ...(isLong ? ['preparingFilter', 'creatingDisks', 'waitingForBoot'] : [])];

it.each(steps)('goes on when libvirtd is killed while guests are %s', { timeout: storyMs }, async (step) => {
  const wave = await cloud.launch(launches);
  await eventually(() => wave.latest().some((one) => stateOf(one) === `spawning.${step}`) || undefined, storyMs);
  cloud.note('libvirtd is killed');
  await libvirtd.kill('KILL');
  await eventually(async () => {
    const { host: shown } = await cloud.admin.ask(api.host.get, { host });
    return shown.hypervisorState !== 'up' || undefined;
  }, storyMs);
  await libvirtd.start();
  cloud.note('libvirtd is there again');
  const broken = await cloud.judge();
  console.log(`libvirtd was killed while guests were ${step}: ${wave.tell()}`);
  expect(new Set(await wave.answers)).toEqual(new Set(['accepted']));
  expect(broken).toBe('');
});

it('leaves nothing of what is deleted', { timeout: storyMs }, async () => {
  expect(await cloud.empty()).toBe('');
});

/** Domains, filters and folders of disks. */
async function heldByLibvirt(folder: string): Promise<HeldGuest[]> {
  const libvirt = new LibvirtClient({ uri: libvirtd.uri });
  try {
    await libvirt.connect();
    const domains = new Map((await libvirt.domains()).map(({ ref, powerState }) => [ref.uuid, powerState]));
    const filters = await new NftablesFirewall({ table: nftTable }).listInstanceFilters(AbortSignal.timeout(10_000));
    const disks = await readdir(join(folder, 'compute', 'instances')).catch((): string[] => []);
    return [...new Set([...domains.keys(), ...filters, ...disks])].map((uuid) => ({
      host,
      uuid,
      powerState: domains.get(uuid) ?? 'absent',
      held: [
        ...(domains.has(uuid) ? ['domain'] : []),
        ...(filters.includes(uuid) ? ['filter'] : []),
        ...(disks.includes(uuid) ? ['disk'] : []),
      ],
    }));
  } finally {
    libvirt.close();
  }
}
