/**
 * What the instances on each host use, counted from their records as they change: nothing has to be given back, and
 * nothing drifts. Whoever writes records tells of them by `note`, and need not wait until the view has them.
 */
import type { Instance } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import { heldShare, mayHoldShare } from '../instance/held-share.ts';
import { contextOf } from '../instance/stored-chart.ts';
import { ChangedKeys } from '../records/changed-keys.ts';

/** What is taken of a host. */
export interface Usage {
  vcpus: number;
  memoryMb: number;
  diskGb: number;
  instances: number;
}

/** What one record counts for, and at which revision it said so. */
interface Share extends Omit<Usage, 'instances'> {
  host: string | undefined;
  isBuilding: boolean;
  group: string | undefined;
  revision: number;
}

const nothing: Readonly<Usage> = { vcpus: 0, memoryMb: 0, diskGb: 0, instances: 0 };

export class HostUsage {
  readonly #view: View<Instance>;
  readonly #changed: ChangedKeys;
  readonly #shares = new Map<string, Share>();
  readonly #used = new Map<string, Usage>();
  readonly #building = new Map<string, number>();
  /** Server group → host → how many of its instances are there. */
  readonly #groups = new Map<string, Map<string, number>>();

  constructor(view: View<Instance>) {
    this.#view = view;
    this.#changed = new ChangedKeys(view);
  }

  /** Of a host that nothing is known of: nothing. */
  of(host: string): Readonly<Usage> {
    this.#catchUp();
    return this.#used.get(host) ?? nothing;
  }

  /** How many instances on the host are on their way to running. Nova's num_io_ops. */
  buildingOn(host: string): number {
    this.#catchUp();
    return this.#building.get(host) ?? 0;
  }

  /** Where the instance is, while it holds something there. */
  hostOf(uuid: string): string | undefined {
    this.#catchUp();
    return this.#shares.get(uuid)?.host;
  }

  /** The hosts that have instances of the server group. */
  hostsOfGroup(group: string): ReadonlySet<string> {
    this.#catchUp();
    return new Set(this.#groups.get(group)?.keys());
  }

  /** Takes the record into account, unless a newer one is. */
  note(record: Instance, revision: number): void {
    const known = this.#shares.get(record.uuid);
    if (known && known.revision > revision) return;
    this.#replace(record.uuid, shareOf(record, revision));
  }

  /** Counts the instance as the view has it: what was noted of it did not come to pass. */
  recount(uuid: string): void {
    const entry = this.#view.entry(uuid);
    this.#replace(uuid, entry && shareOf(entry.value, entry.revision));
  }

  close(): void {
    this.#changed.close();
  }

  #catchUp(): void {
    for (const uuid of this.#changed.take()) {
      const revision = this.#view.revisionOf(uuid);
      // What was noted of it is as new: there is nothing to read.
      if (revision !== undefined && revision <= (this.#shares.get(uuid)?.revision ?? 0)) continue;
      const entry = this.#view.entry(uuid);
      if (entry) this.note(entry.value, entry.revision);
      else this.#replace(uuid, undefined);
    }
  }

  #replace(uuid: string, share: Share | undefined): void {
    const before = this.#shares.get(uuid);
    if (before) this.#count(before, -1);
    if (share) this.#count(share, 1);
    // Also a share of nothing is kept: its revision tells a late record from a new one.
    if (share) this.#shares.set(uuid, share);
    else this.#shares.delete(uuid);
  }

  #count({ host, vcpus, memoryMb, diskGb, isBuilding, group }: Share, by: 1 | -1): void {
    if (host === undefined) return;
    let used = this.#used.get(host);
    if (!used) {
      used = { ...nothing };
      this.#used.set(host, used);
    }
    used.vcpus += by * vcpus;
    used.memoryMb += by * memoryMb;
    used.diskGb += by * diskGb;
    used.instances += by;
    if (isBuilding) add(this.#building, host, by);
    if (group === undefined) return;
    let hosts = this.#groups.get(group);
    if (!hosts) {
      hosts = new Map();
      this.#groups.set(group, hosts);
    }
    add(hosts, host, by);
    if (hosts.size === 0) this.#groups.delete(group);
  }
}

/** The hosts on which an instance holds something. */
export function hostsInUse(instances: Iterable<Instance>): Set<string> {
  const hosts = new Set<string>();
  for (const instance of instances) {
    const { host } = shareOf(instance, 0);
    if (host !== undefined) hosts.add(host);
  }
  return hosts;
}

/** Adds to a count; one that comes to nothing is taken out. */
function add(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

function shareOf(record: Instance, revision: number): Share {
  const { vmState, hints } = record;
  const { vcpus, memoryMb, rootGb } = heldShare(record);
  return {
    host: mayHoldShare(record) ? contextOf(record).host : undefined,
    vcpus,
    memoryMb,
    diskGb: rootGb,
    isBuilding: vmState === 'building',
    group: hints?.group,
    revision,
  };
}
