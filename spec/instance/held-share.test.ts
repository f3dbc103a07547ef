import { expect, it } from 'vitest';
import { mayHoldShare } from '../../actors/instance/held-share.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { newInstance } from '../support/records.ts';

const record = newInstance(nameUuid('test', 'share'));

function at(value: string, chart: Partial<Instance['chart']>): Instance {
  return { ...record, chart: { ...record.chart, value, ...chart } };
}

it('is held by an instance that a later release has written, until it is deleted', () => {
  expect(mayHoldShare(at('failed.building', { version: 1 }))).toBe(false);
  expect(mayHoldShare(at('running', { version: 1 }))).toBe(true);
  expect(mayHoldShare(at('failed.building', { version: 2 }))).toBe(true);
  expect(mayHoldShare(at('gone', { version: 2, status: 'done' }))).toBe(false);
});
