/** What the tests of the API ask of a whole cloud besides its API. */
import type { TestCloud } from '../support/test-cloud.ts';
import { eventually } from '../support/test-cloud.ts';

/** Resolves when no hypervisor, bucket or claim holds anything of the instance any more. */
export async function expectNothingLeft(cloud: TestCloud, uuid: string): Promise<void> {
  let held: string[] = [];
  try {
    await eventually(async () => {
      held = await heldOf(cloud, uuid);
      return held.length === 0 ? true : undefined;
    });
  } catch {
    throw new Error(`something is left of instance ${uuid}: ${held.join(', ')}`);
  }
}

/** The names of what is held for the instance. */
export async function heldOf({ hypervisors, runtime: { store } }: TestCloud, uuid: string): Promise<string[]> {
  const held: string[] = [];
  for (const [host, hypervisor] of hypervisors) {
    for (const [what, uuids] of Object.entries(hypervisor.leftovers()))
      if (uuids.includes(uuid)) held.push(`${what} on ${host}`);
  }
  for (const kind of ['port', 'address'] as const) {
    const bucket = await store.bucket(kind);
    for (const key of await bucket.keys())
      if ((await bucket.get(key))?.value.instanceUuid === uuid) held.push(`${kind} ${key}`);
  }
  const { payload } = (await (await store.bucket('instance')).get(uuid))?.value ?? {};
  if (payload !== undefined && (await (await store.bucket('payload')).get(payload))) held.push('its payload');
  return held;
}
