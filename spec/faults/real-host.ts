/** A host with a libvirtd, a bridge and a firewall table of its own, for a cloud that faults befall. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NftablesFirewall } from '../../actors/firewall/nftables-firewall.ts';
import { LibvirtClient } from '../../actors/libvirt/libvirt-client.ts';
import { removeBridge } from '../../actors/network/linux-bridge.ts';
import { runCommand } from '../../actors/process/run-command.ts';
import type { HeldGuest } from '../checker/remains.ts';
import { type PrivateLibvirtd, startPrivateLibvirtd } from '../support/private-libvirtd.ts';
import type { FaultCloudOptions } from './fault-cloud.ts';

const host = 'host-1';
const own = process.pid.toString(36);
const bridge = `kf-${own}`;
const nftTable = `kilonova_faults_${own}`;
/** From the block that RFC 2544 keeps for tests. */
const cidr = `198.19.${process.pid % 256}.0/24`;

export interface RealHost extends AsyncDisposable {
  name: string;
  libvirtd: PrivateLibvirtd;
  /** Of a cloud whose only host it is. */
  cloud: FaultCloudOptions;
}

/** `stateFolder`: where it keeps disks; the cloud's unless given. */
export async function startRealHost(stateFolder?: string): Promise<RealHost> {
  const cleanups = new AsyncDisposableStack();
  cleanups.defer(async () => {
    await removeBridge(bridge, AbortSignal.timeout(10_000)).catch(() => undefined);
    await runCommand('nft', ['delete', 'table', 'bridge', nftTable]).catch(() => undefined);
  });
  const libvirtd = cleanups.use(await startPrivateLibvirtd());
  const libvirt = ['--hypervisor', 'libvirt', '--libvirt-uri', libvirtd.uri, '--virt-type', 'qemu'];
  const state = stateFolder === undefined ? [] : ['--state', stateFolder];
  return {
    name: host,
    libvirtd,
    cloud: {
      hosts: [host],
      hostFlags: [...libvirt, '--nft-table', nftTable, ...state],
      controllerFlags: ['--bridge', bridge, '--cidr', cidr],
      wishes: { image: 'kilonova-test' },
      held: (folder) => heldBy(libvirtd.uri, stateFolder ?? folder),
    },
    [Symbol.asyncDispose]: () => cleanups.disposeAsync(),
  };
}

/** Domains, filters and folders of disks. */
async function heldBy(uri: string, folder: string): Promise<HeldGuest[]> {
  const libvirt = new LibvirtClient({ uri });
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
