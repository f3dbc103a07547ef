/** A failure story: the process of a simulated host is killed, or its disk full, and its guests are as they were left. */
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GuestJournal } from '../../actors/simulated/guest-journal.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { guestSpec } from '../libvirt/guests.ts';

const never = new AbortController().signal;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kilonova-journal-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What another process finds: nothing of the one before is in its memory. */
async function open(file: string): Promise<SimulatedHypervisor> {
  const hypervisor = new SimulatedHypervisor({
    clock: systemClock,
    chance: systemChance,
    journal: new GuestJournal(file),
  });
  await hypervisor.connect();
  return hypervisor;
}

it('leaves to the next process each step that was done, and none that was not', async () => {
  const file = join(folder, 'new', 'steps.journal');
  const first = await open(file);
  const [whole, begun, gone] = [guestSpec(), guestSpec(), guestSpec()];
  for (const guest of [whole, gone]) {
    await first.prepareFilter(guest, never);
    await first.createDisks(guest, never);
    await first.createDomain(guest, never);
  }
  await first.stop(whole.uuid, 0, never);
  await first.resizeDisks(whole.uuid, 2, never);
  await first.start(whole.uuid, never);
  await first.pause(whole.uuid, never);
  await first.prepareFilter(begun, never);
  first.hang('createDisks');
  void first.createDisks(begun, never);
  for (const undo of ['destroyDomain', 'removeFilter', 'removeDisks'] as const) await first[undo](gone.uuid, never);

  const second = await open(file);
  expect(second.leftovers()).toEqual({
    domains: [whole.uuid],
    filters: [whole.uuid, begun.uuid],
    disks: [whole.uuid],
    earlierDisks: [whole.uuid],
  });
  expect(await second.powerState(whole.uuid)).toBe('paused');
  const boots = (await second.consoleLog(whole.uuid, 65_536)).match(/: ready/g);
  expect(boots).toHaveLength(2);
});

it('is written anew when it is opened, without the history', async () => {
  const file = join(folder, 'history.journal');
  const first = await open(file);
  const guest = guestSpec();
  await first.createDisks(guest, never);
  await first.createDomain(guest, never);
  for (let time = 0; time < 50; time += 1) {
    await first.stop(guest.uuid, 0, never);
    await first.start(guest.uuid, never);
  }
  const lines = async () => (await readFile(file, 'utf8')).trim().split('\n');
  expect((await lines()).length).toBeGreaterThan(100);
  await open(file);
  expect(await lines()).toHaveLength(2);
});

it('overlooks a line that is not whole: what it tells of was never done', async () => {
  const file = join(folder, 'torn.journal');
  const guest = guestSpec();
  await writeFile(file, '');
  const first = await open(file);
  await first.createDisks(guest, never);
  await first.createDomain(guest, never);
  await appendFile(file, `["domain","${guest.uuid}",{"powerSta`);
  const second = await open(file);
  expect(await second.powerState(guest.uuid)).toBe('running');
  await second.stop(guest.uuid, 0, never);
  expect(await (await open(file)).powerState(guest.uuid)).toBe('shutdown');
});

it('names the file that it cannot keep', async () => {
  const place = join(folder, 'no-folder');
  await writeFile(place, '');
  const file = join(place, 'host.journal');
  expect(() => new GuestJournal(file)).toThrow(`unavailable: the journal ${file} cannot be read`);
});
