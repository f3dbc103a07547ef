/**
 * Places the instances of a server group one after the other, whichever scheduler does it: else two that decide at once
 * would both take the host that each sees free. A decision is a compare-and-set of the group's record, which holds the
 * placements that the instances' own records do not show yet; so a scheduler that dies halfway leaves nothing behind.
 */
import type { Instance, ServerGroup } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import { attemptOf, stateOf } from '../instance/stored-chart.ts';

/** A group as it is while one of its instances is placed. */
export interface GroupTurn {
  readonly group: ServerGroup;
  readonly revision: number;
  /** What others have decided, and their records do not show yet: by instance. */
  readonly underWay: NonNullable<ServerGroup['placing']>;
}

export class GroupTurns {
  readonly #groups: Bucket<ServerGroup>;
  readonly #instances: View<Instance>;

  constructor(groups: Bucket<ServerGroup>, instances: View<Instance>) {
    this.#groups = groups;
    this.#instances = instances;
  }

  /** Nothing, when the instance is in no group, or in one that is gone. */
  async begin({ uuid, hints }: Instance): Promise<GroupTurn | undefined> {
    const entry = hints?.group === undefined ? undefined : await this.#groups.get(hints.group);
    if (!entry) return undefined;
    // After the group's record: what has left that by then is in the view.
    await this.#instances.caughtUp();
    const { placing = {}, ...group } = entry.value;
    const others = Object.entries(placing).filter(
      ([other, { attempt }]) => other !== uuid && this.#isBeingPlaced(other, attempt),
    );
    return { group, revision: entry.revision, underWay: Object.fromEntries(others) };
  }

  /** Keeps what was decided. Answers `conflict` when somebody else has decided meanwhile: then it is to be decided anew. */
  async end({ group, revision, underWay }: GroupTurn, instance: Instance, host: string) {
    const placing = { ...underWay, [instance.uuid]: { host, attempt: attemptOf(instance) } };
    return this.#groups.update(group.id, { ...group, placing }, revision);
  }

  #isBeingPlaced(uuid: string, attempt: number): boolean {
    const instance = this.#instances.get(uuid);
    return instance !== undefined && stateOf(instance) === 'scheduling' && attemptOf(instance) === attempt;
  }
}
