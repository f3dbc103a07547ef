/** Lists instances: the project's own, newest first, in pages; only an empty one says that there are no more. */
import { fail } from '../../machines/failure.ts';
import type { InstanceView, ListInstances } from '../../transport/messages/api/instance.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Caller } from '../../transport/nats/call-context.ts';
import type { View } from '../../transport/nats/view.ts';
import { isAdmin, maySee } from '../identity/authenticator.ts';
import { viewInstance } from '../records/instance-view.ts';
import { after, pageOf, unknownMarker } from '../records/paging.ts';

export function listInstances(instances: View<Instance>, query: ListInstances, caller: Caller): InstanceView[] {
  const { name, vmState, host, allProjects = false, isDeleted = false, limit, marker } = query;
  if (allProjects && !isAdmin(caller)) {
    throw fail('forbidden', 'field /allProjects is for administrators', { details: { field: '/allProjects' } });
  }
  const matching = [...instances.values()]
    .filter(
      (instance) =>
        (allProjects || instance.projectId === caller.projectId) &&
        (instance.vmState === 'deleted') === isDeleted &&
        (name === undefined || instance.name === name) &&
        (vmState === undefined || instance.vmState === vmState) &&
        (host === undefined || instance.chart.context.host === host),
    )
    .toSorted(newestFirst);
  const marked = marker === undefined ? undefined : markedBy(instances, marker, caller);
  return pageOf(after(matching, marked, newestFirst), viewInstance, limit);
}

function newestFirst(a: Instance, b: Instance): number {
  return b.createdAt - a.createdAt || (a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : 0);
}

function markedBy(instances: View<Instance>, marker: string, caller: Caller): Instance {
  const instance = instances.get(marker);
  if (!instance || !maySee(caller, instance.projectId)) throw unknownMarker(marker);
  return instance;
}
