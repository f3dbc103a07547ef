/** Images: those of everybody, and the project’s own. */
import { api } from '../../transport/messages/api.ts';
import { isImageMeantBy, isListedFor, viewImage } from '../records/image-view.ts';
import { byNameAndId, named } from '../records/lookup.ts';
import { after, pageOf } from '../records/paging.ts';
import type { Reads } from './reads.ts';

export const imageReads: Reads = async (on, { store }) => {
  const images = await store.view('image');

  on(api.image.get, ({ image }, { caller }) => ({
    image: viewImage(named(images, image, 'image', '/image', isImageMeantBy(caller, image))),
  }));

  on(api.image.list, ({ name, status, limit, marker }, { caller }) => {
    const marked =
      marker === undefined ? undefined : named(images, marker, 'image', '/marker', isImageMeantBy(caller, marker));
    const sorted = [...images.values()]
      .filter(isListedFor(caller))
      .filter((image) => name === undefined || image.name === name)
      .filter((image) => status === undefined || image.status === status)
      .toSorted(byNameAndId);
    return { images: pageOf(after(sorted, marked, byNameAndId), viewImage, limit) };
  });
};
