/** A project as a client sees it. */
import type { ProjectView } from '../../transport/messages/api/identity.ts';
import type { Project } from '../../transport/messages/records.ts';
import { timestamp } from './timestamp.ts';

export function viewProject({ id, name, isEnabled, createdAt }: Project): ProjectView {
  return { id, name, isEnabled, createdAt: timestamp(createdAt) };
}
