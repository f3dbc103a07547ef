/** The simulated hypervisor keeps the promises of the interface, and breaks them only when it is told to. */
import { expect, it } from 'vitest';
import type { GuestSpec, HypervisorEvent } from '../../actors/hypervisor/hypervisor.ts';
import { SimulatedHypervisor, type SimulatedHypervisorOptions } from '../../actors/simulated/simulated-hypervisor.ts';
import { type Failure, FailureError, fail } from '../../machines/failure.ts';
import { type Clock, systemChance } from '../../transport/clock.ts';

const never = new AbortController().signal;
const uuid = 'c0ffee00-0000-4000-8000-000000000001';

const guest: GuestSpec = {
  uuid,
  domainName: 'instance-c0ffee00',
  displayName: 'a guest',
  projectId: 'demo',
  userId: 'alice',
  flavor: { name: 'm1.small', vcpus: 1, memoryMb: 512, rootGb: 1 },
  image: { id: 'image', name: 'image', diskFormat: 'qcow2' },
  ports: [
    {
      id: 'port',
      mac: '02:00:00:00:00:01',
      bridge: 'br100',
      mtu: 1450,
      fixedIps: [{ address: '10.0.0.5', prefixLength: 24 }],
      dnsServers: [],
    },
  ],
  configDrive: { hostname: 'web-1', availabilityZone: 'nova', metadata: {}, publicKeys: [], files: [] },
};

/** A clock on which time passes at once, and is counted. */
function countingClock(): Clock & { slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => 0,
    after(ms, callback) {
      slept.push(ms);
      queueMicrotask(callback);
      return () => undefined;
    },
  };
}

async function connected(options: Partial<SimulatedHypervisorOptions> = {}) {
  const clock = countingClock();
  const hypervisor = new SimulatedHypervisor({ clock, chance: systemChance, ...options });
  await hypervisor.connect();
  const power: string[] = [];
  const links: string[] = [];
  hypervisor.onEvent((event: HypervisorEvent) => {
    if (event.type === 'power') power.push(event.powerState);
    else links.push(event.type);
  });
  return { hypervisor, clock, power, links };
}

async function spawn(hypervisor: SimulatedHypervisor, spec = guest): Promise<void> {
  await hypervisor.prepareFilter(spec, never);
  await hypervisor.createDisks(spec, never);
  await hypervisor.createDomain(spec, never);
  await hypervisor.enableHairpin(spec, never);
  await hypervisor.applyFilter(spec, never);
  await hypervisor.waitForBoot(spec.uuid, never);
}

async function release(hypervisor: SimulatedHypervisor): Promise<void> {
  await hypervisor.destroyDomain(uuid, never);
  await hypervisor.removeFilter(uuid, never);
  await hypervisor.removeDisks(uuid, never);
}

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof FailureError) return error.failure;
  throw new Error('it did not fail as it should', { cause: error });
}

it('makes a guest, and leaves nothing of it, however often each is repeated', async () => {
  const { hypervisor, power, clock } = await connected();
  for (let time = 0; time < 2; time += 1) await spawn(hypervisor);
  expect(hypervisor.leftovers()).toEqual({ domains: [uuid], filters: [uuid], disks: [uuid], earlierDisks: [] });
  expect(await hypervisor.listGuests()).toEqual([{ uuid, powerState: 'running' }]);
  for (let time = 0; time < 2; time += 1) await release(hypervisor);
  expect(hypervisor.leftovers()).toEqual({ domains: [], filters: [], disks: [], earlierDisks: [] });
  expect(power).toEqual(['running', 'shutdown', 'absent']);
  expect(clock.slept).toEqual([]);
});

it('brings the guest into each power state, and tells of it once', async () => {
  const { hypervisor, power } = await connected();
  await spawn(hypervisor);
  for (let time = 0; time < 2; time += 1) await hypervisor.pause(uuid, never);
  for (let time = 0; time < 2; time += 1) await hypervisor.unpause(uuid, never);
  for (let time = 0; time < 2; time += 1) await hypervisor.suspend(uuid, never);
  for (let time = 0; time < 2; time += 1) await hypervisor.resume(uuid, never);
  for (let time = 0; time < 2; time += 1) await hypervisor.stop(uuid, 1000, never);
  for (let time = 0; time < 2; time += 1) await hypervisor.start(uuid, never);
  await hypervisor.reboot(uuid, 'soft', never);
  await hypervisor.reboot(uuid, 'hard', never);
  expect(power.join(' ')).toBe('running paused running suspended running shutdown running shutdown running');
});

it('refuses what a guest in its state cannot do', async () => {
  const { hypervisor } = await connected();
  expect(await failureOf(hypervisor.start(uuid, never))).toMatchObject({ code: 'domain_lost' });
  expect(await failureOf(hypervisor.createDomain(guest, never))).toMatchObject({ code: 'hypervisor_error' });
  await spawn(hypervisor);
  await hypervisor.stop(uuid, 0, never);
  expect(await failureOf(hypervisor.pause(uuid, never))).toMatchObject({ code: 'conflict' });
  expect(await failureOf(hypervisor.waitForBoot(uuid, never))).toMatchObject({ code: 'domain_lost' });
});

it('has no more memory than it was given', async () => {
  const { hypervisor } = await connected({ memoryMb: 1000 });
  await spawn(hypervisor);
  const second = { ...guest, uuid: 'second' };
  expect(await failureOf(spawn(hypervisor, second))).toMatchObject({ disposition: 'reschedule' });
  await hypervisor.stop(uuid, 0, never);
  await spawn(hypervisor, second);
});

it('writes the hostname and the addresses to the console, once for each boot', async () => {
  const { hypervisor } = await connected();
  expect(await hypervisor.consoleLog(uuid, 1000)).toBe('');
  await spawn(hypervisor);
  await hypervisor.reboot(uuid, 'hard', never);
  const log = await hypervisor.consoleLog(uuid, 10_000);
  expect(log.match(/^kilonova-guest: hostname web-1$/gm)).toHaveLength(2);
  expect(log).toContain('kilonova-guest: address 10.0.0.5/24 on eth0');
  expect(await hypervisor.consoleLog(uuid, 6)).toBe('ready\n');
});

it('takes as long as it is told, within what the guest is given to power off', async () => {
  const { hypervisor, clock } = await connected({ latencyMs: { createDisks: 250, pause: [10, 20] } });
  await spawn(hypervisor);
  hypervisor.delay('stop', 90_000);
  await hypervisor.pause(uuid, never);
  await hypervisor.stop(uuid, 60_000, never);
  const [disks, pause, stop] = clock.slept;
  expect([disks, stop]).toEqual([250, 60_000]);
  expect(pause).toBeGreaterThanOrEqual(10);
  expect(pause).toBeLessThan(20);
});

it('fails as often as it is told, before or after the work', async () => {
  const { hypervisor } = await connected({ failures: { createDisks: 1 } });
  expect(await failureOf(hypervisor.createDisks(guest, never))).toMatchObject({ code: 'hypervisor_error' });
  hypervisor.heal('createDisks');
  await hypervisor.createDisks(guest, never);
  const full = fail('disk_full', 'no space left').failure;
  hypervisor.failNext('prepareFilter', full, 2);
  for (let time = 0; time < 2; time += 1) expect(await failureOf(hypervisor.prepareFilter(guest, never))).toBe(full);
  expect(hypervisor.leftovers().filters).toEqual([]);
  hypervisor.failNext('prepareFilter', full, 1, 'after');
  expect(await failureOf(hypervisor.prepareFilter(guest, never))).toBe(full);
  expect(hypervisor.leftovers().filters).toEqual([uuid]);
  await hypervisor.prepareFilter(guest, never);
});

it('hangs until it is released, or the step is given up', async () => {
  const { hypervisor } = await connected();
  const letGo = hypervisor.hang('createDisks');
  const givenUp = new AbortController();
  const first = failureOf(hypervisor.createDisks(guest, givenUp.signal));
  givenUp.abort(fail('timeout', 'it took too long'));
  expect(await first).toMatchObject({ code: 'timeout' });
  const second = hypervisor.createDisks(guest, never);
  expect(hypervisor.leftovers().disks).toEqual([]);
  letGo();
  await second;
  expect(hypervisor.leftovers().disks).toEqual([uuid]);
});

it('waits for a link that is lost, and then tells what happened meanwhile', async () => {
  const { hypervisor, power, links } = await connected();
  await spawn(hypervisor);
  hypervisor.loseConnection();
  expect(hypervisor.isConnected).toBe(false);
  expect(await failureOf(hypervisor.powerState(uuid))).toMatchObject({ code: 'hypervisor_unavailable' });
  const pausing = hypervisor.pause(uuid, never);
  hypervisor.crashGuest(uuid);
  expect(power).toEqual(['running']);
  hypervisor.restoreConnection();
  expect(await failureOf(pausing)).toMatchObject({ code: 'conflict' });
  expect([power, links]).toEqual([
    ['running', 'crashed'],
    ['lost', 'connected'],
  ]);
});

it('keeps its guests while nobody is connected, and turns waiting steps away', async () => {
  const { hypervisor } = await connected();
  await spawn(hypervisor);
  hypervisor.loseConnection();
  const waiting = failureOf(hypervisor.pause(uuid, never));
  await hypervisor.pause(uuid, AbortSignal.abort()).catch(() => undefined);
  await Promise.resolve();
  await hypervisor.close();
  expect(await waiting).toMatchObject({ code: 'hypervisor_unavailable' });
  await hypervisor.connect();
  expect(await hypervisor.powerState(uuid)).toBe('running');
});

it('carries a thousand hosts with ten guests each', async () => {
  const hosts = await Promise.all(Array.from({ length: 1000 }, () => connected()));
  await Promise.all(
    hosts.flatMap(({ hypervisor }) =>
      Array.from({ length: 10 }, (_, index) => spawn(hypervisor, { ...guest, uuid: `guest-${index}` })),
    ),
  );
  for (const { hypervisor, clock } of hosts) {
    expect([hypervisor.leftovers().domains.length, clock.slept.length]).toEqual([10, 0]);
  }
});
