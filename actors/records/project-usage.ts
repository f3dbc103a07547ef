/**
 * What each project has, counted from its instances' records as they change: so nothing is ever given back twice or not
 * at all.
 */
import type { Instance } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import { greaterOf, heldShare } from '../instance/held-share.ts';
import { contextOf } from '../instance/stored-chart.ts';
import { ChangedKeys } from './changed-keys.ts';

export interface Usage {
  instances: number;
  vcpus: number;
  memoryMb: number;
  hostnames: Map<string, number>;
}

/** What one instance counts for. */
interface Share {
  projectId: string;
  hostname: string;
  vcpus: number;
  memoryMb: number;
}

export class ProjectUsage {
  readonly #instances: View<Instance>;
  readonly #changed: ChangedKeys;
  readonly #shares = new Map<string, Share>();
  readonly #projects = new Map<string, Usage>();

  constructor(instances: View<Instance>) {
    this.#instances = instances;
    this.#changed = new ChangedKeys(instances);
  }

  of(projectId: string): Usage {
    for (const uuid of this.#changed.take()) this.#recount(uuid);
    return this.#usageOf(projectId);
  }

  #recount(uuid: string): void {
    const before = this.#shares.get(uuid);
    if (before) this.#count(before, -1);
    const record = this.#instances.get(uuid);
    if (!record || record.vmState === 'deleted') {
      this.#shares.delete(uuid);
      return;
    }
    const { projectId, hostname } = record;
    // What it is to have counts before its host has room for it.
    const { wantedFlavor } = contextOf(record);
    const held = heldShare(record);
    const { vcpus, memoryMb } = wantedFlavor ? greaterOf(held, wantedFlavor) : held;
    const share = { projectId, hostname, vcpus, memoryMb };
    this.#shares.set(uuid, share);
    this.#count(share, 1);
  }

  #count({ projectId, hostname, vcpus, memoryMb }: Share, by: 1 | -1): void {
    const usage = this.#usageOf(projectId);
    usage.instances += by;
    usage.vcpus += by * vcpus;
    usage.memoryMb += by * memoryMb;
    const holders = (usage.hostnames.get(hostname) ?? 0) + by;
    if (holders > 0) usage.hostnames.set(hostname, holders);
    else usage.hostnames.delete(hostname);
  }

  #usageOf(projectId: string): Usage {
    let usage = this.#projects.get(projectId);
    if (!usage) {
      usage = { instances: 0, vcpus: 0, memoryMb: 0, hostnames: new Map() };
      this.#projects.set(projectId, usage);
    }
    return usage;
  }
}
