/** What the tests of the libvirt actor spawn: a guest with no disk, whose firmware finds nothing to boot and stays up. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Firewall } from '../../actors/firewall/firewall.ts';
import type { GuestSpec } from '../../actors/hypervisor/hypervisor.ts';
import type { GuestDisks, GuestFiles } from '../../actors/images/guest-disks.ts';
import { LibvirtHypervisor } from '../../actors/libvirt/libvirt-hypervisor.ts';
import { type PrivateLibvirtd, startPrivateLibvirtd } from '../support/private-libvirtd.ts';

export function guestSpec(changes: Partial<GuestSpec> = {}): GuestSpec {
  const uuid = changes.uuid ?? randomUUID();
  return {
    uuid,
    domainName: `instance-${uuid.slice(0, 8)}`,
    displayName: 'web',
    projectId: '9f0c0a1d6b7e4c8fa3b2d1e0f4a5b6c7',
    userId: 'c1d2e3f4a5b64718a9b0c1d2e3f4a5b6',
    flavor: { name: 'm1.nano', vcpus: 1, memoryMb: 32, rootGb: 0 },
    image: { id: 'b7a4b6b0-6b0a-4f0e-8f5e-1f6c2f3a4d5e', name: 'firmware', diskFormat: 'none' },
    ports: [],
    configDrive: {
      hostname: 'web',
      availabilityZone: 'nova',
      metadata: {},
      publicKeys: [],
      files: [],
    },
    ...changes,
  };
}

/** What guests boot instead of nothing. */
export type BootFiles = Pick<GuestFiles, 'kernel' | 'ramdisk'>;

/** Files of the folder it is given: a config drive with nothing on it, and the console's log. */
export class PlainDisks implements GuestDisks {
  readonly #folder: string;
  readonly #boot: BootFiles;

  constructor(folder: string, { kernel, ramdisk }: BootFiles = {}) {
    this.#folder = folder;
    // An image that is given may have more: its disk is for nobody to write to.
    this.#boot = { ...(kernel !== undefined && { kernel }), ...(ramdisk !== undefined && { ramdisk }) };
  }

  files(guest: GuestSpec): GuestFiles {
    return {
      ...this.#boot,
      configDrive: join(this.#folder, guest.uuid, 'disk.config'),
      consoleLog: this.consoleLog(guest.uuid),
    };
  }

  consoleLog(uuid: string): string {
    return join(this.#folder, uuid, 'console.log');
  }

  async create(guest: GuestSpec): Promise<GuestFiles> {
    const files = this.files(guest);
    await mkdir(join(this.#folder, guest.uuid), { recursive: true });
    await writeFile(files.configDrive, Buffer.alloc(64 * 1024));
    return files;
  }

  adopt(guest: GuestSpec): Promise<GuestFiles> {
    return this.create(guest);
  }

  /** They have none. */
  async resize(): Promise<void> {}
  async restore(): Promise<void> {}
  async forgetEarlier(): Promise<void> {}

  async remove(uuid: string): Promise<void> {
    await rm(join(this.#folder, uuid), { recursive: true, force: true });
  }

  list(): Promise<string[]> {
    return readdir(this.#folder);
  }
}

/** For hosts without a network. */
export const openFirewall: Firewall = {
  async setupBasicFiltering() {},
  async prepareInstanceFilter() {},
  async applyInstanceFilter() {},
  async removeInstanceFilter() {},
  listInstanceFilters: async () => [],
};

export interface TestHost extends AsyncDisposable {
  daemon: PrivateLibvirtd;
  hypervisor: LibvirtHypervisor;
  disks: GuestDisks;
  /** Goes with the host. */
  folder: string;
}

export interface TestHostOptions {
  boot?: BootFiles;
  /** The network namespace of the daemon. */
  netns?: string;
}

/** A host of the test's own, connected; all that is on it goes with it. */
export async function startTestHost(driver: 'qemu' | 'test', { boot, netns }: TestHostOptions = {}): Promise<TestHost> {
  await using undo = new AsyncDisposableStack();
  const network = netns === undefined ? 'shared' : { netns };
  const daemon = undo.use(await startPrivateLibvirtd({ driver, network }));
  const folder = await mkdtemp(join(tmpdir(), 'guests-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const disks = new PlainDisks(folder, boot);
  const hypervisor = new LibvirtHypervisor({
    host: 'host1',
    uri: daemon.uri,
    disks,
    firewall: openFirewall,
    virtType: 'qemu',
    ...(netns !== undefined && { networkNamespace: netns }),
    rootFolder: daemon.rootFolder,
    client: { firstBackoffMs: 20, mostBackoffMs: 100 },
  });
  undo.defer(() => hypervisor.close());
  await hypervisor.connect();
  const all = undo.move();
  return { daemon, hypervisor, disks, folder, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Generous, because emulated guests share two processors with other tests. */
export function deadline(ms = 30_000): AbortSignal {
  return AbortSignal.timeout(ms);
}
