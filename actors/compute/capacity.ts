/** What a host has to give: as configured, else as the machine itself says. */
import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { Host } from '../../transport/messages/records.ts';

export type Capacity = Host['capacity'];

/** Nova's defaults: sixteen times the vCPUs, one and a half times the memory, the disk once. */
export const defaultAllocationRatio: Host['allocationRatio'] = { vcpus: 16, memoryMb: 1.5, diskGb: 1 };

/**
 * Reads /proc/meminfo and the file system of `folder`. libvirt's node info is not asked: it leaves out memory that was
 * added while the machine ran.
 */
export async function measureCapacity(folder: string): Promise<Capacity> {
  const [, kibibytes] = /^MemTotal:\s+(\d+) kB$/m.exec(await readFile('/proc/meminfo', 'utf8')) ?? [];
  const { blocks, bsize } = await statfs(folder);
  return {
    vcpus: availableParallelism(),
    memoryMb: Math.floor(Number(kibibytes ?? 0) / 1024),
    diskGb: Math.floor((blocks * bsize) / 1024 ** 3),
  };
}
