import { api } from '../../transport/messages/api.ts';
import type { Image } from '../../transport/messages/records.ts';
import { viewImage } from '../records/image-view.ts';
import { isSeenBy, named } from '../records/lookup.ts';
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

function byNameAndId(a: Image, b: Image): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
