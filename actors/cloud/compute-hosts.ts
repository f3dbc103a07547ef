/** Compute hosts with the hypervisor that was asked for. */
import { join } from 'node:path';
import { measureCapacity } from '../compute/capacity.ts';
import { startCompute } from '../compute/compute.ts';
import type { RecoverySettings } from '../compute/recovery-settings.ts';
import { NftablesFirewall } from '../firewall/nftables-firewall.ts';
import { ImageStore } from '../images/image-store.ts';
import { LocalGuestDisks } from '../images/local-guest-disks.ts';
import { LibvirtHypervisor } from '../libvirt/libvirt-hypervisor.ts';
import { detectVirtType } from '../libvirt/virt-type.ts';
import { ensureBridge } from '../network/linux-bridge.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { GuestJournal, journalFile } from '../simulated/guest-journal.ts';
import { SimulatedDisks } from '../simulated/simulated-disks.ts';
import { SimulatedHypervisor } from '../simulated/simulated-hypervisor.ts';
import { claimHostFolder } from './host-folder.ts';

export interface LibvirtHost {
  name: string;
  availabilityZone: string;
  /** libvirt's, for example `qemu:///system`. */
  uri: string;
  /** For image cache, disks, config drives and console logs, all in `compute`; QEMU's user must be able to reach it. */
  stateDir: string;
  /** The storage that `compute` is on, by a name that all hosts that share it have; absent: it is this host's alone. */
  sharedDisks?: string | undefined;
  /** `auto`: kvm where a probe guest really boots under it. */
  virtType: 'auto' | 'kvm' | 'qemu';
  /** Of the filters; two compute hosts on one machine need two. */
  nftTable: string;
  recovery?: RecoverySettings;
}

export async function startLibvirtHost(runtime: Runtime, options: LibvirtHost): Promise<Part> {
  const { name, availabilityZone, uri, stateDir, sharedDisks } = options;
  const directory = join(stateDir, 'compute');
  await claimHostFolder(directory, name, sharedDisks);
  const [source, virtType, capacity] = await Promise.all([
    ImageStore.open(runtime.bus),
    options.virtType === 'auto' ? detectVirtType({ cacheFile: join(stateDir, 'virt-type') }) : options.virtType,
    measureCapacity(directory),
  ]);
  const hypervisor = new LibvirtHypervisor({
    host: name,
    uri,
    disks: new LocalGuestDisks({ directory, source }),
    firewall: new NftablesFirewall({ table: options.nftTable }),
    virtType,
    logger: runtime.logger,
  });
  return startCompute(runtime, {
    name,
    availabilityZone,
    hypervisor,
    capacity,
    ...(sharedDisks !== undefined && { sharedDisks }),
    ...(options.recovery && { recovery: options.recovery }),
    plugNetwork({ bridge, mtu, fixedIps }, signal) {
      const [{ gateway, prefixLength } = {}] = fixedIps;
      return ensureBridge({ name: bridge, mtu, ...(gateway && { address: `${gateway}/${prefixLength}` }) }, signal);
    },
  });
}

export interface SimulatedHost {
  name: string;
  availabilityZone: string;
  /** Of each step of the hypervisor (ms). */
  latencyMs?: number;
  /** Where its guests outlive the process, as real ones do; absent: they are in memory. */
  stateDir?: string;
  /** Those that it shares with other simulated hosts of this process, and by which name. */
  sharedDisks?: { name: string; disks: SimulatedDisks } | undefined;
  recovery?: RecoverySettings;
}

/** The disks of several simulated hosts, which outlive the process. */
export function openSharedDisks(stateDir: string, name: string): SimulatedDisks {
  return new SimulatedDisks(new GuestJournal(journalFile(stateDir, `shared disks ${name}`)));
}

/** A host of 64 vCPUs, 256 GiB and 4 TiB that only exists here. */
export async function startSimulatedHost(
  runtime: Runtime,
  { name, availabilityZone, latencyMs = 0, stateDir, sharedDisks, recovery }: SimulatedHost,
): Promise<Part> {
  const { clock, chance } = runtime;
  const journal = stateDir && new GuestJournal(journalFile(stateDir, name));
  return startCompute(runtime, {
    name,
    availabilityZone,
    hypervisor: new SimulatedHypervisor({
      clock,
      chance,
      latencyMs,
      ...(journal && { journal }),
      ...(sharedDisks && { sharedDisks: sharedDisks.disks }),
    }),
    capacity: { vcpus: 64, memoryMb: 262_144, diskGb: 4096 },
    ...(sharedDisks && { sharedDisks: sharedDisks.name }),
    ...(recovery && { recovery }),
  });
}
