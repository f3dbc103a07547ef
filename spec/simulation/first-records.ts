/** What the cloud of a simulated world knows before anything happens in it. */
import { ensureDefaultNetwork } from '../../actors/network/default-network.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { capacityOf, type WorldPlan } from './world.ts';

export const identity = { caller: { userId: 'user', projectId: 'project', roles: ['admin', 'member'] } };

export const flavors = {
  small: { id: '1', name: 'small', vcpus: 1, memoryMb: 512, rootGb: 1 },
  large: { id: '2', name: 'large', vcpus: 3, memoryMb: 1024, rootGb: 10 },
  /** To which both can be resized: a disk only grows. */
  slim: { id: '4', name: 'slim', vcpus: 1, memoryMb: 512, rootGb: 10 },
};

/** Instances are launched from the first, and rebuilt from any. */
export const imageNames = ['simulated', 'other'] as const;

export async function writeFirstRecords(runtime: Runtime, plan: WorldPlan): Promise<void> {
  const { store, clock } = runtime;
  const { quota, cidr } = plan;
  const { vcpus, memoryMb, diskGb } = capacityOf(plan);
  const createdAt = clock.now();
  const { userId, projectId } = identity.caller;
  const whole = { id: '3', name: 'whole', vcpus, memoryMb, rootGb: diskGb };
  const [projects, users, flavorBucket, images, quotas] = await Promise.all([
    store.bucket('project'),
    store.bucket('user'),
    store.bucket('flavor'),
    store.bucket('image'),
    store.bucket('quota'),
  ]);
  const roles = { [projectId]: ['admin', 'member'] as ('admin' | 'member')[] };
  const limits = { instances: quota, vcpus: -1, memoryMb: -1, keyPairs: -1, serverGroups: -1, securityGroups: -1 };
  await Promise.all([
    projects.put(projectId, { id: projectId, name: projectId, isEnabled: true, createdAt }),
    users.put(userId, { id: userId, name: userId, isEnabled: true, roles, createdAt }),
    ...[...Object.values(flavors), whole].map((flavor) => flavorBucket.put(flavor.id, flavor)),
    ...imageNames.map((name) =>
      images.put(nameUuid('image', name), {
        id: nameUuid('image', name),
        name,
        status: 'active',
        diskFormat: 'none',
        minDiskGb: 0,
        minMemoryMb: 0,
        properties: {},
        createdAt,
      }),
    ),
    quotas.put(projectId, limits),
    ensureDefaultNetwork(runtime, { cidr }),
  ]);
}
