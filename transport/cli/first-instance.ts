/** The first instance of a cloud, by which whoever has started it sees that it works. */
import { adminProject } from '../../actors/identity/first-admin.ts';
import type { ReadyMachine } from '../../actors/setup/setup.ts';
import { toFailure } from '../../machines/failure.ts';
import type { InstanceView } from '../messages/api/instance.ts';
import { api } from '../messages/api.ts';
import type { ApiClient } from '../nats/api-client.ts';
import { type LaunchWishes, launch, ping, remove } from './first-launch.ts';
import { formatMs } from './progress.ts';

export const firstFlavor = 'm1.micro';

/** Marks the first instance, so that a later start finds it. */
const firstTag = 'first-launch';

/** What a first launch would need and an administrator has deleted since, themselves perhaps. */
export async function missingFor(client: ApiClient, image: string): Promise<string | undefined> {
  try {
    await Promise.all([client.ask(api.flavor.get, { flavor: firstFlavor }), client.ask(api.image.get, { image })]);
    return undefined;
  } catch (thrown) {
    const { code, message } = toFailure(thrown);
    if (code !== 'not_found' && code !== 'unauthenticated') throw thrown;
    return message;
  }
}

/** Launches it, or finds the one of an earlier start; waits until it answers. With `once` it is deleted again. */
export async function launchFirst(
  client: ApiClient,
  { hypervisor }: Pick<ReadyMachine, 'hypervisor'>,
  image: string,
  { once, signal, say }: { once: boolean; signal: AbortSignal; say: (line: string) => void },
): Promise<void> {
  const wishes: LaunchWishes = {
    request: { name: 'first', image, flavor: firstFlavor, tags: [firstTag] },
    projectId: adminProject,
    output: process.stdout,
    signal,
  };
  let instance = once ? undefined : await findFirst(client, wishes, say);
  if (instance) {
    say(`✓ the first instance is there: ${instance.uuid} on ${instance.host}, ${instance.vmState}`);
  } else {
    say(`· launching an instance: image ${image}, flavor ${firstFlavor}, hypervisor ${hypervisor}`);
    const startedAt = Date.now();
    instance = await launch(client, wishes);
    say(
      `✓ ${instance.uuid} runs on ${instance.host} after ${formatMs(Date.now() - startedAt)}, ` +
        `with the address ${addressOf(instance)}`,
    );
  }
  if (hypervisor === 'simulated') {
    say('  a simulated guest has no network: it is not pinged');
  } else if (instance.vmState === 'active') {
    say(`· waiting until ${addressOf(instance)} answers a ping`);
    say(`✓ it answered ${formatMs(await ping(addressOf(instance), signal))} later`);
  }
  if (!once) return;
  say('· deleting it');
  await remove(client, instance.uuid, wishes);
  say('✓ nothing of it is left but its record');
}

/** The one of an earlier start, unless it has failed since: then it is deleted. */
async function findFirst(client: ApiClient, wishes: LaunchWishes, say: (line: string) => void) {
  const { instances } = await client.ask(api.instance.list, {});
  const firsts = instances.filter(({ tags }) => tags.includes(firstTag));
  for (const { uuid } of firsts.filter(({ vmState }) => vmState === 'error')) {
    say(`· deleting the first instance of an earlier start, which has failed: ${uuid}`);
    await remove(client, uuid, wishes);
  }
  return firsts.find(({ vmState }) => vmState !== 'error');
}

function addressOf({ ports }: InstanceView): string {
  return ports[0]?.addresses[0] ?? '';
}
