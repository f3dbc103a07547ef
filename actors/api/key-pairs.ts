/** Key pairs: each user sees their own, in each project. */
import { api } from '../../transport/messages/api.ts';
import { viewKeyPair } from '../records/key-pair-view.ts';
import { keyPairKey } from '../records/keys.ts';
import { byName, missing } from '../records/lookup.ts';
import { after, pageOf } from '../records/paging.ts';
import type { Reads } from './reads.ts';

export const keyPairReads: Reads = async (on, { store }) => {
  const keyPairs = await store.view('keyPair');

  on(api.keyPair.get, ({ name }, { caller }) => {
    const keyPair = keyPairs.get(keyPairKey(caller, name));
    if (!keyPair) throw missing('key pair', name, '/name');
    return { keyPair: viewKeyPair(keyPair) };
  });

  on(api.keyPair.list, ({ limit, marker }, { caller }) => {
    const own = [...keyPairs.values()]
      .filter(({ projectId, userId }) => projectId === caller.projectId && userId === caller.userId)
      .toSorted(byName);
    const marked = marker === undefined ? undefined : own.find(({ name }) => name === marker);
    if (marker !== undefined && !marked) throw missing('key pair', marker, '/marker');
    return { keyPairs: pageOf(after(own, marked, byName), viewKeyPair, limit) };
  });
};
