/** What one controller has admitted counts for the others, whatever their clocks say. */
import { expect, it, onTestFinished } from 'vitest';
import { Admissions } from '../../actors/controller/admissions.ts';
import { adminProject } from '../../actors/identity/first-admin.ts';
import { systemChance } from '../../transport/clock.ts';
import { HeldClock } from '../support/held-clock.ts';
import { startTestCloud } from '../support/test-cloud.ts';
import { failureOf } from '../transport/support.ts';

const anyAsk = () => ({
  projectId: adminProject,
  uuids: [systemChance.uuid()],
  min: 1,
  hostname: 'test',
  vcpus: 1,
  memoryMb: 128,
});

it('an instance that is about to be recorded counts for a controller whose clock is ahead, until it has waited itself', async () => {
  const cloud = await startTestCloud({ roles: [], hosts: [] });
  onTestFinished(() => cloud.stop());
  const one = { instances: 1, vcpus: -1, memoryMb: -1, keyPairs: -1, serverGroups: -1, securityGroups: -1 };
  await cloud.write('quota', adminProject, one);
  const first = await Admissions.open(cloud.runtime);
  // It dies before it records what it has admitted.
  await first.admit(anyAsk());
  first.end();

  const clock = new HeldClock(10_000);
  clock.aheadMs = 3_600_000;
  const second = await Admissions.open({ ...(await cloud.connect()), clock });
  const refused = expect.objectContaining({ code: 'quota_exceeded' });
  expect(await failureOf(second.admit(anyAsk()))).toEqual(refused);
  clock.aheadMs = -3_600_000;
  for (let looks = 0; looks < 4; looks++) {
    clock.endWaits();
    await Promise.resolve();
  }
  expect(await failureOf(second.admit(anyAsk()))).toEqual(refused);
  clock.endWaits();
  await expect(second.admit(anyAsk())).resolves.toEqual(['test']);
  second.end();
});
