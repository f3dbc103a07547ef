/**
 * What is to happen to the steps of a simulated hypervisor: how long each takes, which fail and how, which hang. It
 * may be changed while steps are under way; they meet what holds when they come to it. A step with nothing scripted costs
 * no timer.
 */
import { type Failure, FailureError } from '../../machines/failure.ts';
import { type Chance, type Clock, sleep } from '../../transport/clock.ts';
import { Gate } from './gate.ts';

/** The methods of Hypervisor that do something to a guest, until their last argument, a signal, aborts. */
export const effectNames = [
  'prepareFilter',
  'createDisks',
  'adoptDisks',
  'createDomain',
  'enableHairpin',
  'applyFilter',
  'waitForBoot',
  'start',
  'stop',
  'reboot',
  'pause',
  'unpause',
  'suspend',
  'resume',
  'defineDomain',
  'resizeDisks',
  'restoreDisks',
  'forgetEarlierDisks',
  'destroyDomain',
  'removeFilter',
  'removeDisks',
] as const;

/** The methods of Hypervisor that can be slow, fail or hang. */
export const stepNames = [
  'connect',
  ...effectNames,
  'powerState',
  'listGuests',
  'listDisks',
  'bootId',
  'consoleLog',
  'openConsole',
] as const;
export type StepName = (typeof stepNames)[number];

/** In ms: always the same, or anything from the first to the second. */
export type Latency = number | readonly [min: number, max: number];

export interface StepFault {
  /** What the step rejects with; `hypervisor_error`, to be placed elsewhere, unless said. */
  failure?: Failure;
  /** Of each run, in [0, 1]; 1 unless said. */
  probability?: number;
  /** How many runs fail before the fault is over; all of them unless said. */
  times?: number;
  /** `after`: the work is done, and its answer lost. `before` unless said. */
  timing?: 'before' | 'after';
}

interface ActiveFault {
  readonly failure: Failure;
  readonly probability: number;
  readonly timing: 'before' | 'after';
  timesLeft: number;
}

export interface StepScriptOptions {
  clock: Clock;
  chance: Chance;
  latencyMs?: Latency | Partial<Record<StepName, Latency>>;
  /** A number is the probability of failing. */
  failures?: Partial<Record<StepName, number | StepFault>>;
}

export class StepScript {
  readonly #clock: Clock;
  readonly #chance: Chance;
  readonly #latencies = new Map<StepName, Latency>();
  readonly #faults = new Map<StepName, ActiveFault[]>();
  readonly #hangs = new Map<StepName, Gate>();

  constructor({ clock, chance, latencyMs = {}, failures = {} }: StepScriptOptions) {
    this.#clock = clock;
    this.#chance = chance;
    for (const step of stepNames) {
      const latency = isLatency(latencyMs) ? latencyMs : latencyMs[step];
      if (latency !== undefined) this.delay(step, latency);
      const fault = failures[step];
      if (fault !== undefined) this.addFault(step, typeof fault === 'number' ? { probability: fault } : fault);
    }
  }

  delay(step: StepName, latency: Latency): void {
    this.#latencies.set(step, latency);
  }

  addFault(step: StepName, { failure, probability = 1, times = Infinity, timing = 'before' }: StepFault): void {
    const faults = this.#faults.get(step) ?? [];
    faults.push({ failure: failure ?? brokenStep(step), probability, timing, timesLeft: times });
    this.#faults.set(step, faults);
  }

  removeFaults(step: StepName): void {
    this.#faults.delete(step);
  }

  /** Returns the function that lets those that hang go on. */
  hang(step: StepName): () => void {
    const gate = this.#hangs.get(step) ?? new Gate();
    gate.shut();
    this.#hangs.set(step, gate);
    return () => gate.open();
  }

  /** Does `work` as the script wants it, or not; `atMostMs` bounds the latency. */
  async play<T>(step: StepName, signal: AbortSignal | undefined, work: () => Promise<T> | T, atMostMs = Infinity) {
    signal?.throwIfAborted();
    const ms = Math.min(this.#latencyOf(step), atMostMs);
    if (ms > 0) await sleep(this.#clock, ms, signal);
    const hang = this.#hangs.get(step);
    if (hang && !hang.isOpen) await hang.pass(signal);
    const fault = this.#takeFault(step);
    if (fault?.timing === 'before') throw new FailureError(fault.failure);
    const result = await work();
    if (fault) throw new FailureError(fault.failure);
    return result;
  }

  #latencyOf(step: StepName): number {
    const latency = this.#latencies.get(step) ?? 0;
    if (typeof latency === 'number') return latency;
    const [min, max] = latency;
    return min + (max - min) * this.#chance.fraction();
  }

  #takeFault(step: StepName): ActiveFault | undefined {
    const faults = this.#faults.get(step);
    const fault = faults?.find(({ probability }) => probability >= 1 || this.#chance.fraction() < probability);
    if (!faults || !fault) return undefined;
    fault.timesLeft -= 1;
    if (fault.timesLeft <= 0) faults.splice(faults.indexOf(fault), 1);
    return fault;
  }
}

function isLatency(value: NonNullable<StepScriptOptions['latencyMs']>): value is Latency {
  return typeof value === 'number' || Array.isArray(value);
}

function brokenStep(step: StepName): Failure {
  return { code: 'hypervisor_error', message: `the simulated ${step} failed`, disposition: 'reschedule' };
}
