/** What went wrong, what led to it, and which hosts were tried. */
import { failureOf, timeOf } from '../effect.ts';
import type { Failure } from '../failure.ts';
import type { InstanceContext, InstanceFault, Step } from './context.ts';

/** The failure that an event carries, as the fault of a step, with what led to it. */
export function faultOf(step: Step, context: InstanceContext, event: object): InstanceFault {
  return { ...failureOf(event), ...causeOf(step, context), step, at: timeOf(event) };
}

/**
 * What led to a failure: the one before it, which no command has cleared since, when one leads to the next; of finding no
 * host, that of the host tried last.
 */
function causeOf(step: Step, { fault, tried }: InstanceContext): { cause?: Failure } {
  if (fault) return { cause: fault.cause ?? fault };
  const last = tried.at(-1);
  return step === 'scheduling' && last ? { cause: last.failure } : {};
}

/** Why a host is left. */
export function lossOf(event: object): InstanceFault {
  return { ...failureOf(event), step: 'evacuating', at: timeOf(event) };
}

/** The hosts that did not work out, with the one that it is on now. */
export function triedWith({ tried, host, fault }: InstanceContext): InstanceContext['tried'] {
  return host !== undefined && fault ? [...tried, { host, failure: fault }] : tried;
}

/** Whether another host may help against what went wrong on this one, and be tried. */
export function mayBePlacedAgain(context: InstanceContext): boolean {
  return launchFailureOf(context)?.disposition === 'reschedule' && !hasTriedEnough(context);
}

/** Whether the host that it is on is the last one that may be tried. */
export function hasTriedEnough(context: InstanceContext): boolean {
  return triesOf(context.tried, context).length + 1 >= context.maxAttempts;
}

/** The fault of what was given up although another host might have helped: it names all that were tried. */
export function exhausted(context: InstanceContext): InstanceFault | undefined {
  const { fault } = context;
  const tried = triesOf(triedWith(context), context);
  if (fault?.disposition !== 'reschedule' || tried.length < 2) return fault;
  const reasons = tried.map(({ host, failure }) => `${host}: ${failure.message}`).join('; ');
  return { ...fault, message: `${tried.length} hosts were tried, no more may be: ${reasons}` };
}

/** Why a launch is given back, also where giving back failed too before it was done. */
function launchFailureOf({ fault }: InstanceContext): Failure | undefined {
  return fault?.step === 'releasing' ? fault.cause : fault;
}

/** The tries: the host that an evacuation leaves, which is the first of them, was none. */
function triesOf(tried: InstanceContext['tried'], { lostHost }: InstanceContext): InstanceContext['tried'] {
  return lostHost === undefined ? tried : tried.slice(1);
}
