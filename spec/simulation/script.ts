/** Makes up, from a seed, what happens in a world: who asks for what, and what goes wrong. */

import { type StepName, stepNames } from '../../actors/simulated/step-script.ts';
import type { Failure } from '../../machines/failure.ts';
import type { Action, Fault, Wish } from './actions.ts';
import { SeededChance } from './seeded-chance.ts';
import type { WorldPlan } from './world.ts';

/** For how long things happen in a world (ms). */
const busyMs = 90_000;

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
  };
  const actions = [...wishes(chance), ...faults(chance, plan), ...lossOfWrites(seed)];
  return { plan, actions: actions.sort((one, other) => one.at - other.at) };
}

/** Apart from all else, so that the same seed makes the same script with them. */
function sharersOf(seed: number, hosts: number): number {
  const chance = new SeededChance(seed, 'shared disks');
  return chance.happens(0.4) ? chance.between(2, hosts) : 0;
}

const powerVerbs = ['stop', 'start', 'reboot', 'pause', 'unpause', 'suspend', 'resume'] as const;

function wishes(chance: SeededChance): Action[] {
  const actions: Action[] = [];
  const launches = chance.between(12, 36);
  for (let instance = 0; instance < launches; instance++) {
    let at = chance.between(0, busyMs * 0.6);
    actions.push({ at, wish: 'create', instance, flavor: chance.pick(['small', 'small', 'large']) });
    // Some are told at once, when nothing of them is there yet; most when they may be running.
    for (let count = chance.between(0, 4); count > 0; count--) {
      at += chance.happens(0.3) ? chance.between(1, 300) : chance.between(300, 20_000);
      actions.push({ at, ...nextWish(chance, instance) });
    }
  }
  return actions;
}

function nextWish(chance: SeededChance, instance: number): Wish {
  const kind = chance.fraction();
  if (kind < 0.05) return { wish: 'rename', instance, name: `renamed-${chance.between(1, 9)}` };
  if (kind < 0.55) return { wish: chance.pick(powerVerbs), instance };
  if (kind < 0.8) return { wish: 'delete', instance };
  if (kind < 0.87) return { wish: 'rebuild', instance };
  if (kind < 0.94) return { wish: 'resize', instance, flavor: chance.pick(['small', 'large']) };
  return { wish: chance.pick(['confirmResize', 'revertResize']), instance };
}

function faults(chance: SeededChance, plan: WorldPlan): Action[] {
  const count = chance.happens(0.1) ? 0 : chance.between(1, 10);
  return Array.from({ length: count }, (): Action[] => {
    const fault = { at: chance.between(0, busyMs), ...nextFault(chance, plan) };
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

/** Of a host that is away for long enough to be declared down, sometimes. */
function evacuation(chance: SeededChance, { hosts, sharers }: WorldPlan, fault: Action & Fault): Action[] {
  if (!('process' in fault && 'forMs' in fault) || !hosts.includes(fault.process)) return [];
  if (fault.forMs < 20_000 || chance.happens(0.4)) return [];
  const at = fault.at + chance.between(16_000, fault.forMs + 5_000);
  const newDisk = sharers > 0 && chance.happens(0.2);
  return [{ at, wish: 'evacuateHost', host: fault.process, ...(newDisk && { newDisk }) }];
}

const guestSteps = stepNames.filter(
  (name) => !['connect', 'listGuests', 'listDisks', 'bootId', 'consoleLog'].includes(name),
);

function nextFault(chance: SeededChance, plan: WorldPlan): Fault {
  const process = chance.pick(processNames(plan));
  const host = chance.pick(plan.hosts);
  // Mostly short, sometimes longer than any heartbeat.
  const forMs = chance.happens(0.6) ? chance.between(50, 3_000) : chance.between(3_000, 90_000);
  const kind = chance.between(0, 13);
  if (kind <= 4) return { fault: 'kill', process, forMs };
  if (kind === 5) return { fault: 'pause', process, forMs };
  if (kind === 6) return { fault: 'cut', process, forMs };
  if (kind === 7) return { fault: 'killNats', forMs };
  if (kind === 8)
    return { fault: chance.pick(['loss', 'delay', 'doubling']), probability: chance.fraction() / 4, forMs };
  if (kind === 9) return { fault: 'loseHypervisor', host, forMs };
  if (kind === 10) return { fault: 'hangStep', host, step: chance.pick(guestSteps) as StepName, forMs };
  if (kind === 11) return { fault: 'stepClock', process, byMs: chance.pick([-3_600_000, -20_000, 20_000, 3_600_000]) };
  if (kind === 12) {
    return { fault: chance.pick(['crashGuest', 'shutDownGuest']), instance: chance.between(0, 20) };
  }
  return {
    fault: 'failStep',
    host,
    step: chance.pick(guestSteps) as StepName,
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
