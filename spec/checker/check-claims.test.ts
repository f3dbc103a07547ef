import { expect, it } from 'vitest';
import { plainPlan } from '../simulation/plain-plan.ts';
import { runWorld } from '../simulation/run-world.ts';
import { checkClaims } from './check-claims.ts';
import type { RecordSeen } from './history.ts';

it('goes by every host but those on which the store has lost something of an instance', async () => {
  const plan = plainPlan({ hosts: ['host-1', 'host-2'] });
  const actions = [0, 1, 2, 3].map((instance) => ({ at: 0, wish: 'create', instance, flavor: 'small' }) as const);
  const { history } = await runWorld({ plan, actions });
  const tooLittle = { vcpus: 0, memoryMb: 0, rootGb: 0 };
  const hostsIn = () => checkClaims(history, tooLittle).map(({ message }) => /host-\d/.exec(message)?.[0]);
  const lose = (host: string) => {
    const isThere = ({ record: { owner } }: RecordSeen) => owner !== 'control' && owner.host === host;
    const version = [...history.records.values()].flat().find(isThere) as RecordSeen;
    history.wentBack(version.record.uuid, version.at, version);
  };
  lose('host-1');
  expect(hostsIn()).toEqual(['host-2']);
  lose('host-2');
  expect(hostsIn()).toEqual([]);
});
