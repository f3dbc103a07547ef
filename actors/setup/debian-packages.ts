/**
 * The Debian packages that the parts need, and how they get onto the machine.
 *
 * Idempotent, and quick when nothing is missing: a package counts as present when the file that we use of it is
 * there, whoever put it there (a newer nats-server in /usr/local/bin is as good as Debian's).
 */

import { existsSync, readdirSync } from 'node:fs';
import { type CommandResult, findProgram, findRootPrefix, tailOf, tryCommand } from './try-command.ts';

/** What a caller may ask for. Each part can be missing without the others being of no use. */
export type PackageGroup = 'nats' | 'libvirt' | 'test-image' | 'tests';

interface NeededPackage {
  name: string;
  groups: readonly PackageGroup[];
  reason: string;
  /** One of these is enough: a program's name, or a path. */
  provides: readonly string[];
  /** Needed only where no systemd runs. */
  isWithoutSystemd?: true;
}

export const neededPackages: readonly NeededPackage[] = [
  {
    name: 'nats-server',
    groups: ['nats'],
    reason: 'the bus and the store: every message and every record',
    provides: ['nats-server'],
  },
  {
    name: 'libvirt-daemon-system',
    groups: ['libvirt'],
    reason: 'libvirtd and virtlogd, which run the guests',
    provides: ['libvirtd'],
  },
  {
    name: 'libvirt-daemon-driver-qemu',
    groups: ['libvirt'],
    reason: "libvirt's driver for QEMU",
    provides: ['/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so'],
  },
  {
    name: 'qemu-system-x86',
    groups: ['libvirt', 'tests'],
    reason: 'QEMU itself',
    provides: ['qemu-system-x86_64'],
  },
  {
    name: 'qemu-utils',
    groups: ['libvirt', 'test-image', 'tests'],
    reason: 'qemu-img: the image cache and the disks made from it',
    provides: ['qemu-img'],
  },
  {
    name: 'genisoimage',
    groups: ['libvirt', 'tests'],
    reason: 'config drives',
    provides: ['genisoimage'],
  },
  {
    name: 'iproute2',
    groups: ['libvirt'],
    reason: 'ip and bridge: the bridges that guests are plugged into',
    provides: ['ip'],
  },
  {
    name: 'iputils-ping',
    groups: ['libvirt'],
    reason: 'ping: seeing whether a guest answers',
    provides: ['ping'],
  },
  {
    name: 'nftables',
    groups: ['libvirt'],
    reason: 'nft: security groups and floating IPs',
    provides: ['nft'],
  },
  {
    name: 'tini',
    groups: ['libvirt'],
    reason: 'buries the guests that libvirtd leaves behind, where PID 1 is slow at it or does not do it at all',
    provides: ['tini'],
    isWithoutSystemd: true,
  },
  {
    name: 'e2fsprogs',
    groups: ['test-image'],
    reason: "mkfs.ext4: the test image's disk",
    provides: ['mkfs.ext4'],
  },
  {
    name: 'xorriso',
    groups: ['tests'],
    reason: 'reading config drives as others do',
    provides: ['xorriso'],
  },
  {
    name: 'openssh-client',
    groups: ['tests'],
    reason: 'ssh-keygen: whether the key pairs that we make are good',
    provides: ['ssh-keygen'],
  },
  {
    name: 'openssl',
    groups: ['tests'],
    reason: 'certificates for NATS over TLS',
    provides: ['openssl'],
  },
  {
    name: 'zsh',
    groups: ['tests'],
    reason: 'the shell for which the command line completes words, besides bash',
    provides: ['zsh'],
  },
  {
    name: 'chromium',
    groups: ['tests'],
    reason: 'the browser that the dashboard is tried in',
    provides: ['chromium'],
  },
  {
    name: 'fonts-dejavu-core',
    groups: ['tests'],
    reason: 'letters for that browser',
    provides: ['/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf'],
  },
];

export interface PackagesOutcome {
  /** Names of the packages that are still missing; empty when all is well. */
  missing: string[];
  /** What a person should run to get them; absent when nothing is missing. */
  command?: string;
  /** Why we could not do it ourselves. */
  reason?: string;
}

/** The machine, as far as installing packages goes. Exchanged in tests. */
export interface PackageMachine {
  isDebian(): boolean;
  hasSystemd(): boolean;
  hasPackageLists(): boolean;
  has(provided: string): boolean;
  rootPrefix(): Promise<string[] | undefined>;
  run(command: string, args: readonly string[]): Promise<CommandResult>;
}

/**
 * Installs what the groups need and the machine lacks. Does not throw for what it cannot install, so that the caller
 * can go on without, for example on the simulated hypervisor when only the libvirt group is missing.
 */
export async function ensurePackages(
  groups: readonly PackageGroup[],
  report: (line: string) => void,
  machine: PackageMachine = realMachine,
): Promise<PackagesOutcome> {
  const missing = findMissing(groups, machine);
  if (missing.length === 0) return { missing };
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (!machine.isDebian()) {
    return { missing, command, reason: 'this machine is not Debian (these are the names there)' };
  }
  const root = await machine.rootPrefix();
  if (root === undefined) {
    return { missing, command: `sudo ${command}`, reason: 'installing needs root, or sudo without a password' };
  }
  report(`installing ${missing.join(', ')}`);
  const result = await install(missing, root, machine, report);
  const left = findMissing(groups, machine);
  if (left.length === 0) return { missing: left };
  const reason = result.code === 0 ? 'apt-get left them out' : tailOf(`${result.stdout}\n${result.stderr}`);
  return { missing: left, command: [...root, command].join(' '), reason };
}

function findMissing(groups: readonly PackageGroup[], machine: PackageMachine): string[] {
  return neededPackages
    .filter((each) => each.groups.some((group) => groups.includes(group)))
    .filter((each) => !(each.isWithoutSystemd && machine.hasSystemd()))
    .filter((each) => !each.provides.some((provided) => machine.has(provided)))
    .map((each) => each.name);
}

async function install(
  names: readonly string[],
  root: readonly string[],
  machine: PackageMachine,
  report: (line: string) => void,
): Promise<CommandResult> {
  if (!machine.hasPackageLists()) await updatePackageLists(root, machine, report);
  let result = await aptGet(['install', '--yes', '--no-install-recommends', ...names], root, machine);
  if (result.code !== 0) {
    // Lists older than the mirror name versions that are gone from it.
    await updatePackageLists(root, machine, report);
    result = await aptGet(['install', '--yes', '--no-install-recommends', ...names], root, machine);
  }
  if (names.includes('nats-server') && machine.hasSystemd()) {
    // Debian starts one for the whole machine, without JetStream. Ours is a child of ours, on its own folder.
    await runRooted(root, 'systemctl', ['disable', '--now', 'nats-server.service'], machine);
  }
  return result;
}

/** Exported for what downloads a package without installing it. */
export async function updatePackageLists(
  root: readonly string[],
  machine: PackageMachine,
  report: (line: string) => void,
): Promise<CommandResult> {
  report('bringing the package lists up to date');
  return await aptGet(['update', '--quiet'], root, machine);
}

function aptGet(args: readonly string[], root: readonly string[], machine: PackageMachine): Promise<CommandResult> {
  const options = ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Options::=--force-confold'];
  // Through env, because sudo does not hand our environment on.
  return runRooted(root, 'env', ['DEBIAN_FRONTEND=noninteractive', 'apt-get', ...options, ...args], machine);
}

function runRooted(
  root: readonly string[],
  command: string,
  args: readonly string[],
  machine: PackageMachine,
): Promise<CommandResult> {
  const [first = command, ...rest] = [...root, command, ...args];
  return machine.run(first, rest);
}

export const realMachine: PackageMachine = {
  isDebian: () => findProgram('apt-get') !== undefined && findProgram('dpkg') !== undefined,
  hasSystemd: () => existsSync('/run/systemd/system'),
  hasPackageLists() {
    try {
      return readdirSync('/var/lib/apt/lists').some((name) => name.includes('_Packages'));
    } catch {
      return false;
    }
  },
  has: (provided) => (provided.startsWith('/') ? existsSync(provided) : findProgram(provided) !== undefined),
  rootPrefix: findRootPrefix,
  run: (command, args) => tryCommand(command, args),
};
