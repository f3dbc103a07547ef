/** Server groups as a client sees them: with their members, which are the live instances that were created into them. */
import type { ServerGroupView } from '../../transport/messages/api/server-group.ts';
import type { Instance, ServerGroup } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import { ViewIndex } from '../network/view-index.ts';
import { timestamp } from './timestamp.ts';

export class ServerGroupViews {
  readonly #members: ViewIndex<Instance>;

  constructor(instances: View<Instance>) {
    this.#members = new ViewIndex(instances, ({ hints, vmState }) =>
      vmState === 'deleted' ? '' : (hints?.group ?? ''),
    );
  }

  of(group: ServerGroup): ServerGroupView {
    return viewServerGroup(group, [...this.#members.keys(group.id)].toSorted());
  }
}

export function viewServerGroup({ createdAt, placing: _, ...group }: ServerGroup, members: string[]): ServerGroupView {
  return { ...group, members, createdAt: timestamp(createdAt) };
}
