import { describe, expect, it } from 'vitest';
import type { Host } from '../../transport/messages/records.ts';
import { DoubleWatch } from './double-watch.ts';
import { History } from './history.ts';

const uuid = '5a1b2c3d-0000-4000-8000-000000000001';
const up = (name: string) => ({ name, hypervisorState: 'up' }) as Host;
const down = (name: string) => ({ ...up(name), down: { since: 1 } }) as Host;

describe('a host that was declared down while its guest runs on another one, too', () => {
  it('counts as down when the store has lost that, until it is back', () => {
    const { watch, history } = watchOfTwo();
    watch.hostWentBack(up('host-1'));
    watch.look(uuid);
    expect(history.doubles).toEqual([]);
    watch.hostSeen(up('host-1'));
    expect(history.doubles).toMatchObject([{ uuid, hosts: ['host-1', 'host-2'] }]);
  });

  it('counts as up as soon as its record says so', () => {
    const { watch, history } = watchOfTwo();
    watch.hostSeen(up('host-1'));
    expect(history.doubles).toHaveLength(1);
  });
});

it('two guests of an instance without a record are nobody’s, until it has one again', () => {
  const { watch, history } = watchOfTwo();
  history.forgotten.push({ at: 0, uuid });
  watch.hostSeen(up('host-1'));
  expect(history.doubles).toEqual([]);
  history.records.set(uuid, []);
  watch.look(uuid);
  expect(history.doubles).toHaveLength(1);
});

/** Of two hosts, on each of which a guest of the same instance runs. */
function watchOfTwo() {
  const history = new History();
  const guests = {
    hosts: ['host-1', 'host-2'],
    powerState: () => 'running' as const,
    uuidsOn: () => [uuid],
  };
  const watch = new DoubleWatch(guests, history, () => 0);
  watch.hostSeen(down('host-1'));
  watch.hostSeen(up('host-2'));
  watch.look(uuid);
  return { watch, history };
}
