import { api } from '../../transport/messages/api.ts';
import { viewImage } from '../records/image-view.ts';
import { byNameAndId, isSeenBy, named } from '../records/lookup.ts';
import { after, pageOf } from '../records/paging.ts';
import type { Reads } from './reads.ts';

export const imageReads: Reads = async (on, { store }) => {
  const images = await store.view('image');

  on(api.image.list, ({ name, status, limit, marker }, { caller }) => {
    const isSeen = isSeenBy(caller);
    const marked = marker === undefined ? undefined : named(images, marker, 'image', '/marker', isSeen);
    const sorted = [...images.values()]
      .filter(isSeen)
      .filter((image) => name === undefined || image.name === name)
      .filter((image) => status === undefined || image.status === status)
      .toSorted(byNameAndId);
    return { images: pageOf(after(sorted, marked, byNameAndId), viewImage, limit) };
  });
};
