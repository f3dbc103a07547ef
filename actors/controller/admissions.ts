/**
 * Admits instances to a project: within its quota, each with a hostname of its own.
 *
 * Controllers decide one at a time: each decision is a compare-and-set of the project's admission record. Use is counted
 * from the instances' records; an admission only holds the ones whose record is not seen yet. So a controller that dies
 * halfway leaves nothing behind but an entry, which another controller drops when it has seen it for a minute by itself:
 * whose clock is right is of no matter. Requests that come while a decision is being written are decided together in the
 * next one.
 */
import { type FailureError, fail } from '../../machines/failure.ts';
import { type Clock, every } from '../../transport/clock.ts';
import type { Admission, Instance, Project, Quota } from '../../transport/messages/records.ts';
import { type Bucket, conflict, type Entry } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import { contextOf } from '../instance/stored-chart.ts';
import { ProjectUsage } from '../records/project-usage.ts';
import { quotaOf } from '../records/quotas.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { changeRecord, makeOrChangeRecord } from './change-record.ts';
import { numberedHostname, uniqueHostname } from './hostnames.ts';

export interface Ask {
  projectId: string;
  /** In order; the first `min` are needed, the others welcome. */
  uuids: string[];
  min: number;
  /** Numbered as the names are, where several are asked for. */
  hostname: string;
  vcpus: number;
  memoryMb: number;
}

/** Hostnames of the admitted, in the order of the ask's uuids: at least `min` of them. */
export type Admitted = string[];

/** What an instance is to have more than it has, with another flavor. */
export interface Growth {
  projectId: string;
  uuid: string;
  flavorId: string;
  vcpus: number;
  memoryMb: number;
}

type Counts = Record<'instances' | 'vcpus' | 'memoryMb', number>;

const uuidLength = 36;

/** How long an admitted instance may take to be recorded (ms). */
const pendingMs = 60_000;
/** How often is looked within that time. */
const looks = 4;

interface Waiting {
  ask: Ask | Growth;
  resolve: (admitted: Admitted) => void;
  reject: (error: unknown) => void;
}

export class Admissions {
  readonly #bucket: Bucket<Admission>;
  readonly #instances: View<Instance>;
  readonly #quotas: View<Quota>;
  readonly #projects: View<Project>;
  readonly #usage: ProjectUsage;
  readonly #clock: Clock;
  readonly #queues = new Map<string, Waiting[]>();
  readonly #known = new Map<string, Entry<Admission>>();
  /** Of each project: what is pending, and after how many looks it was seen first. */
  readonly #seen = new Map<string, Map<string, number>>();
  #looks = 0;
  readonly #stopLooking: () => void;

  static async open({ store, clock }: Runtime): Promise<Admissions> {
    const [bucket, instances, quotas, projects] = await Promise.all([
      store.bucket('admission'),
      store.view('instance'),
      store.view('quota'),
      store.view('project'),
    ]);
    return new Admissions(bucket, instances, quotas, projects, clock);
  }

  private constructor(
    bucket: Bucket<Admission>,
    instances: View<Instance>,
    quotas: View<Quota>,
    projects: View<Project>,
    clock: Clock,
  ) {
    this.#bucket = bucket;
    this.#instances = instances;
    this.#quotas = quotas;
    this.#projects = projects;
    this.#usage = new ProjectUsage(instances);
    this.#clock = clock;
    this.#stopLooking = every(clock, pendingMs / looks, async () => {
      this.#looks += 1;
    });
  }

  end(): void {
    this.#stopLooking();
  }

  /** Rejects with `quota_exceeded` when not even `min` fit. Asking again for the same uuids admits them again. */
  admit(ask: Ask): Promise<Admitted> {
    return this.#ask(ask);
  }

  /** Rejects with `quota_exceeded`. What is admitted counts until it is settled, or for a minute. */
  async admitGrowth(growth: Growth): Promise<void> {
    await this.#ask(growth);
  }

  /** Takes back what was admitted to the project and is not going to be created. */
  async withdraw(projectId: string, uuids: string[]): Promise<void> {
    await this.#forget(projectId, uuids);
  }

  /** The record shows what became of the growth: it is under way, or was refused. */
  async settleGrowth(growth: Growth): Promise<void> {
    await this.#instances.caughtUp();
    await this.#forget(growth.projectId, [growthKey(growth)], this.#instances.revision);
  }

  /** Whoever admits from then on has seen the instances as they were at `shown`. */
  async #forget(projectId: string, keys: string[], shown = 0): Promise<void> {
    await changeRecord(this.#bucket, projectId, ({ seen, pending, ...admission }) => ({
      ...admission,
      seen: Math.max(seen, shown),
      pending: Object.fromEntries(Object.entries(pending).filter(([key]) => !keys.includes(key))),
    }));
  }

  /**
   * Admits nothing to the project any more, whichever controller decides, for as long as it is as disabled as it was at
   * `projectSeen`. Resolves as `underWay`.
   */
  async close(projectId: string, projectSeen: number): Promise<string[]> {
    const { value } = await makeOrChangeRecord(this.#bucket, projectId, (admission) => ({
      seen: 0,
      pending: {},
      ...admission,
      projectSeen,
    }));
    return this.#unrecorded(projectId, value);
  }

  /** The uuids of the instances that were admitted to the project, and are not recorded as far as the view goes. */
  async underWay(projectId: string): Promise<string[]> {
    const current = await this.#bucket.get(projectId);
    return current ? this.#unrecorded(projectId, current.value) : [];
  }

  async #unrecorded(projectId: string, { seen, pending }: Admission): Promise<string[]> {
    await hasShown(this.#instances, seen);
    return this.#live(projectId, pending)
      .filter(([uuid, { hostname }]) => hostname !== undefined && !this.#instances.get(uuid))
      .map(([uuid]) => uuid);
  }

  /** Of what is pending, what this process has not seen for too long. */
  #live(projectId: string, pending: Admission['pending']): [string, Admission['pending'][string]][] {
    const before = this.#seen.get(projectId);
    const seen = new Map<string, number>();
    this.#seen.set(projectId, seen);
    return Object.entries(pending).filter(([key, { admittedAt }]) => {
      const mark = `${key} ${admittedAt}`;
      const first = before?.get(mark) ?? this.#looks;
      seen.set(mark, first);
      return this.#looks - first <= looks;
    });
  }

  #ask(ask: Ask | Growth): Promise<Admitted> {
    return new Promise((resolve, reject) => {
      const waiting = { ask, resolve, reject };
      const queue = this.#queues.get(ask.projectId);
      if (queue) {
        queue.push(waiting);
        return;
      }
      this.#queues.set(ask.projectId, [waiting]);
      void this.#decideAll(ask.projectId);
    });
  }

  async #decideAll(projectId: string): Promise<void> {
    for (let queue = this.#queues.get(projectId); queue?.length; queue = this.#queues.get(projectId)) {
      this.#queues.set(projectId, []);
      try {
        await this.#decide(projectId, queue);
      } catch (error) {
        for (const { reject } of queue) reject(error);
      }
    }
    this.#queues.delete(projectId);
  }

  async #decide(projectId: string, queue: Waiting[]): Promise<void> {
    for (;;) {
      const current = this.#known.get(projectId) ?? (await this.#bucket.get(projectId));
      const { seen = 0, pending = {}, projectSeen } = current?.value ?? {};
      await Promise.all([hasShown(this.#instances, seen), hasShown(this.#projects, projectSeen ?? 0)]);
      if (!this.#projects.get(projectId)?.isEnabled) throw fail('conflict', `project ${projectId} is disabled`);
      const { answers, ...planned } = this.#plan(projectId, pending, queue);
      const next = { ...planned, ...(projectSeen !== undefined && { projectSeen }) };
      const revision = current
        ? await this.#bucket.update(projectId, next, current.revision)
        : await this.#bucket.create(projectId, next);
      if (revision === conflict) {
        this.#known.delete(projectId);
        continue;
      }
      this.#known.set(projectId, { key: projectId, value: next, revision });
      for (const [index, { resolve, reject }] of queue.entries()) {
        const answer = answers[index];
        if (Array.isArray(answer)) resolve(answer);
        else reject(answer);
      }
      return;
    }
  }

  #plan(projectId: string, earlier: Admission['pending'], queue: Waiting[]) {
    const admittedAt = this.#clock.now();
    const quota = quotaOf(this.#quotas, projectId);
    const { instances, vcpus, memoryMb, hostnames } = this.#usage.of(projectId);
    const used = { instances, vcpus, memoryMb };
    const pending: Admission['pending'] = {};
    const takenHere = new Set<string>();

    const hold = (uuid: string, entry: Admission['pending'][string]) => {
      pending[uuid] = entry;
      if (entry.hostname !== undefined) {
        takenHere.add(entry.hostname);
        used.instances += 1;
      }
      used.vcpus += entry.vcpus;
      used.memoryMb += entry.memoryMb;
    };
    const isShown = (uuid: string, { flavorId }: Admission['pending'][string]) => {
      const record = this.#instances.get(uuid);
      if (flavorId === undefined || !record) return record !== undefined;
      const { wantedFlavor } = contextOf(record);
      return [record.flavor.id, wantedFlavor?.id].includes(flavorId);
    };
    for (const [uuid, entry] of this.#live(projectId, earlier)) {
      if (!isShown(uuid.slice(0, uuidLength), entry)) hold(uuid, entry);
    }

    const answers = queue.map(({ ask }): Admitted | FailureError => {
      if ('flavorId' in ask) {
        const { flavorId, vcpus, memoryMb } = ask;
        const key = growthKey(ask);
        const lacking = pending[key] ? undefined : lackingFor({ instances: 0, vcpus, memoryMb }, quota, used);
        if (!lacking && !pending[key]) hold(key, { flavorId, vcpus, memoryMb, admittedAt });
        return lacking ?? [];
      }
      const admitted: Admitted = [];
      const isKnown = (uuid: string) => this.#instances.get(uuid) !== undefined || pending[uuid] !== undefined;
      const min = ask.uuids.slice(0, ask.min).filter((uuid) => !isKnown(uuid)).length;
      const wanting = (count: number) => ({
        instances: count,
        vcpus: count * ask.vcpus,
        memoryMb: count * ask.memoryMb,
      });
      const lacking = lackingFor(wanting(min), quota, used);
      if (lacking) return lacking;
      for (const [index, uuid] of ask.uuids.entries()) {
        const known = this.#instances.get(uuid)?.hostname ?? pending[uuid]?.hostname;
        if (known === undefined && lackingFor(wanting(1), quota, used)) break;
        const label = ask.uuids.length === 1 ? ask.hostname : numberedHostname(ask.hostname, index + 1);
        const hostname = known ?? uniqueHostname(label, (name) => hostnames.has(name) || takenHere.has(name));
        admitted.push(hostname);
        if (known === undefined) {
          hold(uuid, { hostname, vcpus: ask.vcpus, memoryMb: ask.memoryMb, admittedAt });
        }
      }
      return admitted;
    });
    return { seen: this.#instances.revision, pending, answers };
  }
}

/** An instance may be asked to grow to several flavors at once: one of them it will be. */
function growthKey({ uuid, flavorId }: Growth): string {
  return `${uuid} ${flavorId}`;
}

/**
 * Resolves when the view shows what was seen by whoever noted the revision. A store that has gone back may not be at it
 * again.
 */
async function hasShown(view: View<unknown>, revision: number): Promise<void> {
  if (!view.shows(revision)) await view.caughtUp();
}

/** Nova's TooManyInstances, naming the first quota that does not suffice; -1 is no limit. */
function lackingFor(wanted: Counts, quota: Quota, used: Counts): FailureError | undefined {
  for (const resource of ['instances', 'vcpus', 'memoryMb'] as const) {
    const limit = quota[resource];
    if (limit >= 0 && wanted[resource] > 0 && used[resource] + wanted[resource] > limit) {
      return fail(
        'quota_exceeded',
        `the project's quota of ${limit} ${resource} does not allow ${wanted[resource]} more: ${used[resource]} are in use`,
        { details: { resource, limit, used: used[resource], requested: wanted[resource] } },
      );
    }
  }
  return undefined;
}
