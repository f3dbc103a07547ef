/** `kilonova quota …` */
import { api } from '../../messages/api.ts';
import type { Thing } from '../client/columns.ts';
import type { Noun } from '../client/noun.ts';
import { table } from '../client/table.ts';

const { quota } = api;

export const quotaNoun: Noun = {
  id: 'projectId',
  columns: ['projectId'],
  verbs: [
    { word: 'show', endpoint: quota.get, arguments: ['projectId'], print, example: '' },
    { word: 'set', endpoint: quota.set, arguments: ['projectId'], print, example: 'admin --instances 50 --vcpus -1' },
    { word: 'reset', endpoint: quota.reset, arguments: ['projectId'], print, example: 'admin' },
  ],
};

function print(reply: Thing): string[] {
  const { projectId, ...uses } = reply.quota as { projectId: string } & Record<string, { limit: number; used: number }>;
  const rows = Object.entries(uses as Record<string, { limit: number; used: number }>).map(
    ([resource, { limit, used }]) => [resource, String(used), limit < 0 ? 'no limit' : String(limit)],
  );
  return [`project ${projectId}`, ...table(['RESOURCE', 'USED', 'LIMIT'], rows)];
}
