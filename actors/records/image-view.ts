/** Images as clients see them. */
import type { ImageView } from '../../transport/messages/api/image.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import { type Image, imageFileRoles } from '../../transport/messages/records.ts';
import { isAdmin } from '../identity/authenticator.ts';
import { isMeantBy, isUsableBy } from './lookup.ts';
import { timestamp } from './timestamp.ts';

export function viewImage({ createdAt, missing = [], deletion: _, ...image }: Image): ImageView {
  return { ...image, isPublic: image.projectId === undefined, missing, createdAt: timestamp(createdAt) };
}

/** Whether a list shows it: an image for everybody, only once it is active. */
export const isListedFor = (caller: Caller) => (image: Image) =>
  isUsableBy(caller.projectId)(image) && isPresentFor(image, caller);

/** Whether the caller may mean it by that id or name. */
export const isImageMeantBy = (caller: Caller, idOrName: string) => (image: Image) =>
  isMeantBy(caller, idOrName)(image) && isPresentFor(image, caller);

function isPresentFor(image: Image, caller: Caller): boolean {
  if (image.deletion !== undefined) return false;
  return image.projectId !== undefined || image.status === 'active' || isAdmin(caller);
}

/** The files that it has, or is going to have. */
export function filesOf(image: Image): NonNullable<Image['disk']>[] {
  return imageFileRoles.flatMap((role) => image[role] ?? []);
}

/** The files that it has. */
export function storedFilesOf(image: Image): NonNullable<Image['disk']>[] {
  return imageFileRoles.filter((role) => !image.missing?.includes(role)).flatMap((role) => image[role] ?? []);
}
