/** What is done to a simulated world, and when: all of it is data, so that it can be printed, and tried with less of it. */
import type { StepFault, StepName } from '../../actors/simulated/step-script.ts';
import type { Failure } from '../../machines/failure.ts';

/** A client's wish. `instance` counts the instances that were asked for, from 0. */
export type Wish =
  | { wish: 'create'; instance: number; flavor: string; waitMs?: number }
  | { wish: PowerVerb; instance: number }
  | { wish: 'resize'; instance: number; flavor: string }
  | { wish: 'rename'; instance: number; name: string }
  | { wish: 'evacuateHost'; host: string; newDisk?: boolean }
  | { wish: 'deleteHost'; host: string }
  | { wish: 'evacuate'; instance: number; host?: string; newDisk?: boolean }
  | { wish: 'rebuild'; instance: number; image?: string }
  | { wish: 'confirmResize' | 'revertResize' | 'delete'; instance: number };

export type PowerVerb = 'start' | 'stop' | 'reboot' | 'pause' | 'unpause' | 'suspend' | 'resume';

/** A fault, and for how long it lasts (ms). */
export type Fault =
  | { fault: 'kill' | 'pause' | 'twin' | 'cut'; process: string; forMs: number }
  | { fault: 'stepClock'; process: string; byMs: number }
  /** `lost`: of the last writes of each of its streams, at most. */
  | { fault: 'killNats'; forMs: number; lost?: number }
  | { fault: 'loss' | 'delay' | 'doubling'; probability: number; forMs: number }
  | { fault: 'failStep'; host: string; step: StepName; times: number; failure: Failure; timing: StepFault['timing'] }
  | { fault: 'hangStep'; host: string; step: StepName; forMs: number }
  | { fault: 'loseHypervisor'; host: string; forMs: number }
  | { fault: 'crashGuest' | 'shutDownGuest' | 'loseGuest'; instance: number }
  | { fault: 'rebootMachine'; host: string; forMs: number };

export type Action = { at: number } & (Wish | Fault);

/** One line, for a person. */
export function describe({ at, ...action }: Action): string {
  const { wish, fault, ...more } = action as Partial<Record<string, unknown>>;
  const words = Object.entries(more).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return `${(at / 1000).toFixed(3).padStart(8)} s  ${wish ?? fault} ${words.join(', ')}`;
}
