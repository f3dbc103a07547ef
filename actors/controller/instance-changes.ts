/** Rebuild and resize: commands that need more than the chart's consent. */
import { type FailureError, fail, toFailure } from '../../machines/failure.ts';
import { commandsIn, type InstanceCommandName } from '../../machines/instance-states.ts';
import { api } from '../../transport/messages/api.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type { Flavor, Instance, InstancePayload } from '../../transport/messages/records.ts';
import type { Entry } from '../../transport/nats/bucket.ts';
import { heldShare } from '../instance/held-share.ts';
import { refuseUnknown, stateOf } from '../instance/stored-chart.ts';
import { refuseMisfit } from '../records/image-fit.ts';
import { payloadKey } from '../records/keys.ts';
import { Catalog } from './catalog.ts';
import { openInstanceCommands } from './command-instance.ts';
import { refuseLocked } from './instance-lock.ts';
import { storedInstance } from './stored-instance.ts';
import type { Writes } from './writes.ts';

export const instanceChangeWrites: Writes = async (on, world) => {
  const { store, clock, chance, admissions } = world;
  const [bucket, payloads, images, catalog, command] = await Promise.all([
    store.bucket('instance'),
    store.bucket('payload'),
    store.view('image'),
    Catalog.open(world),
    openInstanceCommands(world),
  ]);

  /** The instance, when it may be told so as far as is known: the chart has the last word. */
  async function find(uuid: string, told: InstanceCommandName, caller: Caller): Promise<Entry<Instance>> {
    const entry = await storedInstance(bucket, uuid, caller);
    refuseLocked(entry.value, caller);
    refuseUnknown(entry.value);
    if (entry.value.chart.status === 'done' || !commandsIn(stateOf(entry.value)).includes(told)) {
      throw fail('conflict', `instance ${uuid} is ${entry.value.vmState}: ${told} is not possible now`, {
        details: { vmState: entry.value.vmState, command: told },
      });
    }
    return entry;
  }

  on(api.instance.rebuild, async ({ uuid, image: wanted, ...given }, request) => {
    const { caller } = request;
    const entry = await find(uuid, 'rebuild', caller);
    const { imageId, flavor, projectId } = entry.value;
    // Of the project whose instance it is, also for an administrator.
    const image = await catalog
      .image(wanted ?? imageId, { ...caller, projectId }, flavor, '/image')
      .catch((error: unknown) => {
        throw wanted === undefined && toFailure(error).code === 'not_found' ? imageGone(uuid) : error;
      });
    const rebuild = { type: 'instance.rebuild', imageId: image.id, at: clock.now() } as const;
    if (Object.keys(given).length === 0) return command(uuid, rebuild, request);
    const payload = await keepBeside(entry.value, given);
    try {
      return await command(uuid, { ...rebuild, payload }, request);
    } catch (error) {
      // Of whatever else it was refused for, nobody can say whether a host has yet to hear of it.
      if (toFailure(error).code === 'conflict') await payloads.remove(payload);
      throw error;
    }
  });

  /**
   * Keeps what is given, and what stays as it was, beside what is in force, until the instance's record names it. When
   * none comes to, the sweep removes it.
   */
  async function keepBeside({ uuid, payload }: Instance, given: InstancePayload): Promise<string> {
    const inForce = payload === undefined ? undefined : await payloads.get(payload);
    const key = payloadKey(uuid, chance.uuid());
    await payloads.put(key, { ...inForce?.value, ...given });
    return key;
  }

  on(api.instance.resize, async ({ uuid, flavor: wanted }, request) => {
    const { value } = await find(uuid, 'resize', request.caller);
    const flavor = await catalog.flavor(wanted);
    refuseFlavor(flavor, value);
    const image = images.get(value.imageId);
    if (image) refuseMisfit(image, flavor, '/flavor');
    const held = heldShare(value);
    const growth = {
      projectId: value.projectId,
      uuid,
      flavorId: flavor.id,
      vcpus: Math.max(0, flavor.vcpus - held.vcpus),
      memoryMb: Math.max(0, flavor.memoryMb - held.memoryMb),
    };
    await admissions.admitGrowth(growth);
    try {
      const commanded = await command(uuid, { type: 'instance.resize', flavor, at: clock.now() }, request);
      await admissions.settleGrowth(growth);
      return commanded;
    } catch (error) {
      if (toFailure(error).code === 'conflict') await admissions.settleGrowth(growth);
      throw error;
    }
  });

  for (const name of ['confirmResize', 'revertResize'] as const) {
    const type = name === 'confirmResize' ? 'instance.confirm-resize' : 'instance.revert-resize';
    on(api.instance[name], ({ uuid }, request) => command(uuid, { type, at: clock.now() }, request));
  }
};

/** Whoever names no image need not know the id of the one that there was. */
function imageGone(uuid: string): FailureError {
  return fail('not_found', `the image of instance ${uuid} was deleted: another one has to be named (field /image)`, {
    details: { field: '/image' },
  });
}

/** Nova's checks of resize: not the same one, and never a smaller disk, which would cut the guest's. */
function refuseFlavor(wanted: Flavor, { flavor, uuid }: Instance): void {
  const details = { field: '/flavor' };
  if (wanted.id === flavor.id) {
    throw fail('invalid_request', `field /flavor: instance ${uuid} has flavor ${wanted.name} already`, { details });
  }
  if (wanted.rootGb < flavor.rootGb) {
    const sizes = `${wanted.rootGb || 'the image’s size'} instead of ${flavor.rootGb} GiB`;
    throw fail('invalid_request', `field /flavor: flavor ${wanted.name} has a smaller disk: ${sizes}`, { details });
  }
}
