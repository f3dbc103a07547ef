/** What each project has, counted from its instances' records as they change: so nothing is ever given back twice or not at all. */
import type { Instance } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import { heldShare } from '../instance/held-share.ts';

export interface Usage {
  instances: number;
  vcpus: number;
  memoryMb: number;
  hostnames: Map<string, number>;
}

export class ProjectUsage {
  readonly #projects = new Map<string, Usage>();

  constructor(instances: View<Instance>) {
    for (const instance of instances.values()) this.#count(instance, 1);
    instances.onChange(({ before, after }) => {
      if (before) this.#count(before, -1);
      if (after) this.#count(after, 1);
    });
  }

  of(projectId: string): Usage {
    let usage = this.#projects.get(projectId);
    if (!usage) {
      usage = { instances: 0, vcpus: 0, memoryMb: 0, hostnames: new Map() };
      this.#projects.set(projectId, usage);
    }
    return usage;
  }

  #count(record: Instance, by: 1 | -1): void {
    const { projectId, vmState, hostname } = record;
    if (vmState === 'deleted') return;
    const { vcpus, memoryMb } = heldShare(record);
    const usage = this.of(projectId);
    usage.instances += by;
    usage.vcpus += by * vcpus;
    usage.memoryMb += by * memoryMb;
    const holders = (usage.hostnames.get(hostname) ?? 0) + by;
    if (holders > 0) usage.hostnames.set(hostname, holders);
    else usage.hostnames.delete(hostname);
  }
}
