/**
 * Admits instances to a project: within its quota, each with a hostname of its own.
 *
 * Controllers decide one at a time: each decision is a compare-and-set of the project's admission record. Use is counted
 * from the instances' records; an admission only holds the ones whose record is not seen yet. So a controller that dies
 * halfway leaves nothing behind but an entry that expires. Requests that come while a decision is being
 * written are decided together in the next one.
 */
import { type FailureError, fail } from '../../machines/failure.ts';
import type { Admission, Instance, Quota } from '../../transport/messages/records.ts';
import { type Bucket, conflict, type Entry } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import { quotaOf } from '../records/quotas.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { uniqueHostname } from './hostnames.ts';
import { ProjectUsage } from './project-usage.ts';

export interface Ask {
  projectId: string;
  /** In order; the first `min` are needed, the others welcome. */
  uuids: string[];
  min: number;
  hostname: string;
  vcpus: number;
  memoryMb: number;
}

/** Hostnames of the admitted, in the order of the ask's uuids: at least `min` of them. */
export type Admitted = string[];

/** How long an admitted instance may take to be recorded (ms). */
const pendingMs = 60_000;

interface Waiting {
  ask: Ask;
  resolve: (admitted: Admitted) => void;
  reject: (error: unknown) => void;
}

export class Admissions {
  readonly #bucket: Bucket<Admission>;
  readonly #instances: View<Instance>;
  readonly #quotas: View<Quota>;
  readonly #usage: ProjectUsage;
  readonly #clock: Clock;
  readonly #queues = new Map<string, Waiting[]>();
  readonly #known = new Map<string, Entry<Admission>>();

  static async open({ store, clock }: Runtime): Promise<Admissions> {
    const [bucket, instances, quotas] = await Promise.all([
      store.bucket('admission'),
      store.view('instance'),
      store.view('quota'),
    ]);
    return new Admissions(bucket, instances, quotas, clock);
  }

  private constructor(bucket: Bucket<Admission>, instances: View<Instance>, quotas: View<Quota>, clock: Clock) {
    this.#bucket = bucket;
    this.#instances = instances;
    this.#quotas = quotas;
    this.#usage = new ProjectUsage(instances);
    this.#clock = clock;
  }

  /** Rejects with `quota_exceeded` when not even `min` fit. Asking again for the same uuids admits them again. */
  admit(ask: Ask): Promise<Admitted> {
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
      if (current) await this.#instances.reached(current.value.seen);
      const { next, answers } = this.#plan(projectId, current?.value.pending ?? {}, queue);
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
    const now = this.#clock.now();
    const quota = quotaOf(this.#quotas, projectId);
    const { instances, vcpus, memoryMb, hostnames } = this.#usage.of(projectId);
    const used = { instances, vcpus, memoryMb };
    const pending: Admission['pending'] = {};
    const takenHere = new Set<string>();

    const hold = (uuid: string, entry: Admission['pending'][string]) => {
      pending[uuid] = entry;
      takenHere.add(entry.hostname);
      used.instances += 1;
      used.vcpus += entry.vcpus;
      used.memoryMb += entry.memoryMb;
    };
    for (const [uuid, entry] of Object.entries(earlier)) {
      if (!this.#instances.get(uuid) && entry.expiresAt > now) hold(uuid, entry);
    }

    const answers = queue.map(({ ask }): Admitted | FailureError => {
      const admitted: Admitted = [];
      const isKnown = (uuid: string) => this.#instances.get(uuid) !== undefined || pending[uuid] !== undefined;
      const min = ask.uuids.slice(0, ask.min).filter((uuid) => !isKnown(uuid)).length;
      const lacking = lackingFor({ ...ask, min }, quota, used);
      if (lacking) return lacking;
      for (const uuid of ask.uuids) {
        const known = this.#instances.get(uuid)?.hostname ?? pending[uuid]?.hostname;
        if (known === undefined && lackingFor({ ...ask, min: 1 }, quota, used)) break;
        const hostname = known ?? uniqueHostname(ask.hostname, (name) => hostnames.has(name) || takenHere.has(name));
        admitted.push(hostname);
        if (known === undefined) {
          hold(uuid, { hostname, vcpus: ask.vcpus, memoryMb: ask.memoryMb, expiresAt: now + pendingMs });
        }
      }
      return admitted;
    });
    return { next: { seen: this.#instances.revision, pending }, answers };
  }
}

/** Nova's TooManyInstances, naming the first quota that does not suffice; -1 is no limit. */
function lackingFor(
  ask: Pick<Ask, 'min' | 'vcpus' | 'memoryMb'>,
  quota: Quota,
  used: { instances: number; vcpus: number; memoryMb: number },
): FailureError | undefined {
  const wanted = { instances: ask.min, vcpus: ask.min * ask.vcpus, memoryMb: ask.min * ask.memoryMb };
  for (const resource of ['instances', 'vcpus', 'memoryMb'] as const) {
    const limit = quota[resource];
    if (limit >= 0 && used[resource] + wanted[resource] > limit) {
      return fail(
        'quota_exceeded',
        `the project's quota of ${limit} ${resource} does not allow ${wanted[resource]} more: ${used[resource]} are in use`,
        { details: { resource, limit, used: used[resource], requested: wanted[resource] } },
      );
    }
  }
  return undefined;
}
