/** Which instances a list holds: those for which all that was asked is true. A name that nothing has is no mistake. */
import { fail } from '../../machines/failure.ts';
import type { ListInstances } from '../../transport/messages/api/instance.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type { Image, Instance } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import { isAdmin } from '../identity/authenticator.ts';
import { contextOf } from '../instance/stored-chart.ts';
import { shownPowerState, shownVmState } from '../records/instance-view.ts';
import { isSeenBy } from '../records/lookup.ts';
import { parseTimestamp } from '../records/timestamp.ts';
import type { Liveness } from '../runtime/liveness.ts';

type Filter = (instance: Instance) => boolean;

/** How each field of a query is asked of an instance. */
const filters: { [F in keyof ListInstances]?: (wanted: NonNullable<ListInstances[F]>, liveness: Liveness) => Filter } =
  {
    name: (name) => (instance) => instance.name === name,
    nameContains: (part) => {
      const wanted = part.toLowerCase();
      return ({ name }) => name.toLowerCase().includes(wanted);
    },
    vmState: (vmState) => (instance) => shownVmState(instance) === vmState,
    powerState: (powerState, liveness) => (instance) => shownPowerState(instance, liveness) === powerState,
    host: (host) => (instance) => contextOf(instance).host === host,
    availabilityZone: (zone) => (instance) => instance.availabilityZone === zone,
    flavor: (idOrName) => (instance) => instance.flavor.id === idOrName || instance.flavor.name === idOrName,
    keyName: (keyName) => (instance) => instance.keyName === keyName,
    address: (address) => (instance) => addressesOf(instance).includes(address),
    tags: (tags) => (instance) => tags.every((tag) => instance.tags.includes(tag)),
    reservationId: (reservationId) => (instance) => instance.reservationId === reservationId,
    userId: (userId) => (instance) => instance.userId === userId,
    isLocked: (isLocked) => (instance) => (instance.lock !== undefined) === isLocked,
    changedSince: (since) => {
      const time = parseTimestamp(since);
      return ({ updatedAt }) => updatedAt >= time;
    },
  };

/** Rejects with `forbidden` when the caller may not look so far. */
export function instanceFilter(
  query: ListInstances,
  caller: Caller,
  { images, liveness }: { images: View<Image>; liveness: Liveness },
): Filter {
  const wanted = [inProject(query, caller), alive(query)].filter((filter) => filter !== undefined);
  if (query.image !== undefined) wanted.push(ofImage(query.image, caller, images));
  for (const [field, value] of Object.entries(query)) {
    const filter = filters[field as keyof ListInstances] as
      | ((value: unknown, liveness: Liveness) => Filter)
      | undefined;
    if (filter) wanted.push(filter(value, liveness));
  }
  return (instance) => wanted.every((isTrueOf) => isTrueOf(instance));
}

function inProject({ projectId, allProjects = false }: ListInstances, caller: Caller): Filter | undefined {
  const field = allProjects ? '/allProjects' : '/projectId';
  if ((allProjects || (projectId ?? caller.projectId) !== caller.projectId) && !isAdmin(caller)) {
    throw fail('forbidden', `field ${field} is for administrators`, { details: { field } });
  }
  if (allProjects && projectId === undefined) return undefined;
  const wanted = projectId ?? caller.projectId;
  return (instance) => instance.projectId === wanted;
}

/** Who asks what has changed wants to hear of deletions too, as in Nova's changes-since. */
function alive({ isDeleted, vmState, changedSince }: ListInstances): Filter | undefined {
  if (isDeleted === undefined && (vmState === 'deleted' || changedSince !== undefined)) return undefined;
  return (instance) => (instance.vmState === 'deleted') === (isDeleted ?? false);
}

/** By id also an image that is gone. */
function ofImage(idOrName: string, caller: Caller, images: View<Image>): Filter {
  const isSeen = isSeenBy(caller);
  const named = [...images.values()].filter((image) => image.name === idOrName && isSeen(image));
  const ids = new Set([idOrName, ...named.map(({ id }) => id)]);
  return ({ imageId }) => ids.has(imageId);
}

function addressesOf(instance: Instance): string[] {
  // What another release has written may know of none.
  const { ports = [] } = contextOf(instance);
  return ports.flatMap(({ addresses }) => addresses);
}
