/** Makes up, from a seed, what happens in a world: who asks for what, and what goes wrong. */
import type { RecoverySettings } from '../../actors/compute/recovery-settings.ts';
import { stepNames } from '../../actors/simulated/step-script.ts';
import type { Failure } from '../../machines/failure.ts';
import type { Action, Fault, Wish } from './actions.ts';
import { imageNames } from './first-records.ts';
import { SeededChance } from './seeded-chance.ts';
import type { WorldPlan } from './world.ts';

/** For how long things happen in a world, mostly, and in those in which they last (ms). */
const busyMs = 90_000;
const longMs = 400_000;

export interface Script {
  plan: WorldPlan;
  actions: Action[];
}

export function scriptOf(seed: number): Script {
  const chance = new SeededChance(seed, 'script');
  const hosts = Array.from({ length: chance.between(2, 4) }, (_, index) => `host-${index + 1}`);
  const plan: WorldPlan = {
    seed,
    hosts,
    // So little that launches have to be placed again, or find no room.
    vcpusOfHost: chance.between(4, 12),
    controllers: chance.between(1, 2),
    schedulers: chance.between(1, 2),
    networks: chance.between(1, 2),
    // So few that they run out, or meet.
    cidr: chance.happens(0.4) ? '10.20.0.0/28' : '10.20.0.0/22',
    quota: chance.happens(0.4) ? chance.between(4, 12) : -1,
    skewMs: chance.happens(0.3) ? 20_000 : 0,
    sharers: sharersOf(seed, hosts.length),
    recovery: recoveryOf(seed),
  };
  const lastsMs = chance.happens(0.2) ? longMs : busyMs;
  const wanted = wishes(chance, plan, lastsMs);
  const actions = [...wanted, ...faults(chance, plan, wanted, lastsMs), ...lossOfWrites(seed)];
  return { plan, actions: actions.sort((one, other) => one.at - other.at) };
}

/** Apart from all else, so that the same seed makes the same script with them. */
function sharersOf(seed: number, hosts: number): number {
  const chance = new SeededChance(seed, 'shared disks');
  return chance.happens(0.4) ? chance.between(2, hosts) : 0;
}

function recoveryOf(seed: number): Partial<RecoverySettings> {
  const chance = new SeededChance(seed, 'recovery');
  return {
    lostGuests: chance.pick(['fail', 'restart']),
    rebootedGuests: chance.pick(['leave', 'start']),
  };
}

const powerVerbs = ['stop', 'start', 'reboot', 'pause', 'unpause', 'suspend', 'resume'] as const;

function wishes(chance: SeededChance, plan: WorldPlan, lastsMs: number): Action[] {
  const actions: Action[] = [];
  const launches = chance.between(12, 36);
  let togetherAt = 0;
  for (let instance = 0; instance < launches; instance++) {
    // Often several at once.
    if (instance === 0 || chance.happens(0.6)) togetherAt = chance.between(0, lastsMs * 0.6);
    let at = togetherAt + chance.between(0, 30);
    actions.push({ at, wish: 'create', instance, flavor: chance.pick(['small', 'small', 'large']) });
    // Some are told at once, when nothing of them is there yet; most when they may be running.
    for (let count = chance.between(0, 4); count > 0; count--) {
      at += chance.happens(0.3) ? chance.between(1, 300) : chance.between(300, 20_000);
      actions.push({ at, ...nextWish(chance, plan, instance) });
    }
  }
  return actions;
}

function nextWish(chance: SeededChance, { hosts, sharers }: WorldPlan, instance: number): Wish {
  const kind = chance.fraction();
  if (kind < 0.05) return { wish: 'rename', instance, name: `renamed-${chance.between(1, 9)}` };
  if (kind < 0.55) return { wish: chance.pick(powerVerbs), instance };
  if (kind < 0.8) return { wish: 'delete', instance };
  if (kind < 0.82) {
    const newDisk = sharers > 0 && chance.happens(0.2);
    const host = chance.happens(0.5) ? { host: chance.pick(hosts) } : {};
    return { wish: 'evacuate', instance, ...host, ...(newDisk && { newDisk }) };
  }
  if (kind < 0.87) return { wish: 'rebuild', instance, ...(chance.happens(0.6) && { image: chance.pick(imageNames) }) };
  if (kind < 0.94) return { wish: 'resize', instance, flavor: chance.pick(['slim', 'large']) };
  return { wish: chance.pick(['confirmResize', 'revertResize']), instance };
}

function faults(chance: SeededChance, plan: WorldPlan, wanted: readonly Action[], lastsMs: number): Action[] {
  const count = chance.happens(0.1) ? 0 : chance.between(1, 12);
  return Array.from({ length: count }, (): Action[] => {
    // Half of them while somebody is at work.
    const at = chance.happens(0.5) ? chance.pick(wanted).at + chance.between(0, 500) : chance.between(0, lastsMs);
    const fault = { at, ...nextFault(chance, plan, forHowLong(chance, lastsMs)) };
    return [fault, ...evacuation(chance, plan, fault)];
  }).flat();
}

/** Apart from all else, too. */
function lossOfWrites(seed: number): Action[] {
  const chance = new SeededChance(seed, 'lost writes');
  if (!chance.happens(0.15)) return [];
  const forMs = chance.between(50, 3_000);
  return [{ at: chance.between(5_000, busyMs), fault: 'killNats', forMs, lost: chance.between(1, 60) }];
}

/** Mostly short, sometimes longer than any heartbeat, and where things last longer than any deadline. */
function forHowLong(chance: SeededChance, lastsMs: number): number {
  return chance.happens(0.6) ? chance.between(50, 3_000) : chance.between(3_000, lastsMs);
}

/** Of a host that is away for long enough to be declared down, sometimes; who is sure that it stays away forgets it. */
function evacuation(chance: SeededChance, { hosts, sharers }: WorldPlan, fault: Action & Fault): Action[] {
  const host = 'process' in fault ? fault.process : 'host' in fault ? fault.host : '';
  if (!('forMs' in fault) || !hosts.includes(host) || fault.forMs < 20_000 || chance.happens(0.4)) return [];
  const at = fault.at + chance.between(16_000, fault.forMs + 5_000);
  const newDisk = sharers > 0 && chance.happens(0.2);
  const leaving: Action = { at, wish: 'evacuateHost', host, ...(newDisk && { newDisk }) };
  const forgetting: Action = { at: at + chance.between(5_000, 60_000), wish: 'deleteHost', host };
  return chance.happens(0.3) ? [leaving, forgetting] : [leaving];
}

const steps = stepNames.filter((name) => name !== 'consoleLog');

function nextFault(chance: SeededChance, plan: WorldPlan, forMs: number): Fault {
  const process = chance.pick(processNames(plan));
  const host = chance.pick(plan.hosts);
  const kind = chance.between(0, 15);
  if (kind <= 4) return { fault: 'kill', process, forMs };
  if (kind === 5) return { fault: 'pause', process, forMs };
  if (kind === 6) return { fault: 'cut', process, forMs };
  if (kind === 7) return { fault: 'killNats', forMs };
  if (kind === 8)
    return { fault: chance.pick(['loss', 'delay', 'doubling']), probability: chance.fraction() / 4, forMs };
  if (kind === 9) return { fault: 'loseHypervisor', host, forMs };
  if (kind === 10) {
    // Sometimes for longer than any effect has.
    return { fault: 'hangStep', host, step: chance.pick(steps), forMs: chance.happens(0.4) ? longMs : forMs };
  }
  if (kind === 11) return { fault: 'stepClock', process, byMs: chance.pick([-3_600_000, -20_000, 20_000, 3_600_000]) };
  if (kind === 12) {
    return { fault: chance.pick(['crashGuest', 'shutDownGuest', 'loseGuest']), instance: chance.between(0, 20) };
  }
  if (kind === 14) return { fault: 'twin', process: host, forMs };
  if (kind === 13) return { fault: 'rebootMachine', host, forMs };
  return {
    fault: 'failStep',
    host,
    step: chance.pick(steps),
    times: chance.between(1, 4),
    failure: chance.pick(failures),
    timing: chance.pick(['before', 'after']),
  };
}

const failures: Failure[] = [
  { code: 'hypervisor_error', message: 'a simulated failure', disposition: 'reschedule' },
  { code: 'hypervisor_error', message: 'a simulated failure', disposition: 'abort' },
  { code: 'hypervisor_unavailable', message: 'a simulated failure', disposition: 'retry' },
];

export function processNames({ hosts, controllers, schedulers, networks }: WorldPlan): string[] {
  const numbered = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
  return [
    ...numbered('controller', controllers),
    ...numbered('scheduler', schedulers),
    ...numbered('network', networks),
    ...hosts,
  ];
}
