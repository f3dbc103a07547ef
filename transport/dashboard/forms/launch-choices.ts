/** What there is to choose from when one launches: asked for together, once. */
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { askAll, listFlavors, listImages } from '../ask-all.ts';

export async function launchChoices() {
  const [images, flavors, networks, keyPairs, securityGroups, { zones }, { quota }] = await Promise.all([
    listImages(),
    listFlavors(),
    askAll(
      api.network.list,
      (reply) => reply.networks,
      ({ id }) => id,
    ),
    askAll(
      api.keyPair.list,
      (reply) => reply.keyPairs,
      ({ name }) => name,
    ),
    askAll(
      api.securityGroup.list,
      (reply) => reply.securityGroups,
      ({ name }) => name,
    ),
    ask(api.zone.list, {}),
    ask(api.quota.get, {}),
  ]);
  return {
    images: images.filter(({ status }) => status === 'active'),
    flavors,
    networks,
    keyPairs,
    securityGroups,
    zones,
    quota,
  };
}

export type LaunchChoices = Awaited<ReturnType<typeof launchChoices>>;
