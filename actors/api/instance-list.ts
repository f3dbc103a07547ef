/** Lists instances: the project's own, newest first, in pages. */
import { fail } from '../../machines/failure.ts';
import type { InstanceView } from '../../transport/messages/api.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Caller } from '../../transport/nats/call-context.ts';
import type { View } from '../../transport/nats/view.ts';
import { isAdmin } from '../identity/authenticator.ts';
import { viewInstance } from './instance-view.ts';

export interface ListQuery {
  name?: string;
  vmState?: Instance['vmState'];
  host?: string;
  allProjects?: boolean;
  isDeleted?: boolean;
  limit?: number;
  marker?: string;
}

/** A page never holds more, whatever was asked. Nova's osapi_max_limit. */
const maxPage = 1000;

export function listInstances(instances: View<Instance>, query: ListQuery, caller: Caller): InstanceView[] {
  const { name, vmState, host, allProjects = false, isDeleted = false, limit = maxPage, marker } = query;
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
  return matching.slice(startOf(matching, marker), startOf(matching, marker) + limit).map(viewInstance);
}

function newestFirst(a: Instance, b: Instance): number {
  return b.createdAt - a.createdAt || (a.uuid < b.uuid ? -1 : 1);
}

function startOf(matching: Instance[], marker: string | undefined): number {
  if (marker === undefined) return 0;
  const index = matching.findIndex(({ uuid }) => uuid === marker);
  if (index < 0)
    throw fail('not_found', `field /marker: there is no instance ${marker}`, { details: { field: '/marker' } });
  return index + 1;
}
