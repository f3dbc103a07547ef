import type { ImageView } from '../../transport/messages/api/image.ts';
import type { Image } from '../../transport/messages/records.ts';
import { timestamp } from './timestamp.ts';

export function viewImage({ createdAt, ...image }: Image): ImageView {
  return { ...image, isPublic: image.projectId === undefined, missing: [], createdAt: timestamp(createdAt) };
}
