/** A project's quota as a client sees it: of each resource the limit, and what is used of it. */
import type { QuotaView } from '../../transport/messages/api/quota.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type { KeyPair, Quota, SecurityGroup, ServerGroup } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import type { Store } from '../runtime/store.ts';
import { ProjectUsage } from './project-usage.ts';
import { quotaOf } from './quotas.ts';

export class QuotaViews {
  readonly #quotas: View<Quota>;
  readonly #usage: ProjectUsage;
  readonly #keyPairs: View<KeyPair>;
  readonly #serverGroups: View<ServerGroup>;
  readonly #securityGroups: View<SecurityGroup>;

  static async open(store: Store): Promise<QuotaViews> {
    const [quotas, instances, keyPairs, serverGroups, securityGroups] = await Promise.all([
      store.view('quota'),
      store.view('instance'),
      store.view('keyPair'),
      store.view('serverGroup'),
      store.view('securityGroup'),
    ]);
    return new QuotaViews(quotas, new ProjectUsage(instances), keyPairs, serverGroups, securityGroups);
  }

  private constructor(
    quotas: View<Quota>,
    usage: ProjectUsage,
    keyPairs: View<KeyPair>,
    serverGroups: View<ServerGroup>,
    securityGroups: View<SecurityGroup>,
  ) {
    this.#quotas = quotas;
    this.#usage = usage;
    this.#keyPairs = keyPairs;
    this.#serverGroups = serverGroups;
    this.#securityGroups = securityGroups;
  }

  /** Key pairs are a user's: those of the caller in the project count. */
  of(projectId: string, { userId }: Caller): QuotaView {
    const { instances, vcpus, memoryMb } = this.#usage.of(projectId);
    const isOwn = (record: { projectId: string }) => record.projectId === projectId;
    const used: Quota = {
      instances,
      vcpus,
      memoryMb,
      keyPairs: count(this.#keyPairs, (keyPair) => isOwn(keyPair) && keyPair.userId === userId),
      serverGroups: count(this.#serverGroups, isOwn),
      securityGroups: count(this.#securityGroups, isOwn),
    };
    const limits = Object.entries(quotaOf(this.#quotas, projectId)) as [keyof Quota, number][];
    const uses = limits.map(([resource, limit]) => [resource, { limit, used: used[resource] }]);
    return { projectId, ...(Object.fromEntries(uses) as Omit<QuotaView, 'projectId'>) };
  }
}

function count<T>(view: View<T>, isCounted: (record: T) => boolean): number {
  let number = 0;
  for (const record of view.values()) if (isCounted(record)) number += 1;
  return number;
}
