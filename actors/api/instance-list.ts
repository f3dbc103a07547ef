/** Lists instances: the project's own, newest first, in pages; only an empty one says that there are no more. */
import { fail } from '../../machines/failure.ts';
import type { InstanceView } from '../../transport/messages/api.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Caller } from '../../transport/nats/call-context.ts';
import type { View } from '../../transport/nats/view.ts';
import { isAdmin, maySee } from '../identity/authenticator.ts';
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
/** NATS carries 1 MiB in a message unless told otherwise. */
const maxPageBytes = 768 * 1024;

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
  const start = marker === undefined ? 0 : startAfter(matching, markedBy(instances, marker, caller));
  return pageOf(matching.slice(start, start + limit));
}

function newestFirst(a: Instance, b: Instance): number {
  return b.createdAt - a.createdAt || (a.uuid < b.uuid ? -1 : 1);
}

/** The marker may have left the list since: what counts is where it stood. */
function markedBy(instances: View<Instance>, marker: string, caller: Caller): Instance {
  const instance = instances.get(marker);
  if (!instance || !maySee(caller, instance.projectId))
    throw fail('not_found', `field /marker: there is no instance ${marker}`, { details: { field: '/marker' } });
  return instance;
}

function startAfter(matching: Instance[], marker: Instance): number {
  const index = matching.findIndex((instance) => instance.uuid !== marker.uuid && newestFirst(marker, instance) < 0);
  return index < 0 ? matching.length : index;
}

/** As many as fit into one message, and at least one. */
function pageOf(matching: Instance[]): InstanceView[] {
  const page: InstanceView[] = [];
  let bytes = 0;
  for (const instance of matching) {
    const view = viewInstance(instance);
    bytes += Buffer.byteLength(JSON.stringify(view)) + 1;
    if (bytes > maxPageBytes && page.length > 0) break;
    page.push(view);
  }
  return page;
}
