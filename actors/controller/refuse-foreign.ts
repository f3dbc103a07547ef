/**
 * What no host says of an instance that is as it should be: a host that is taken over would have others do what it may not.
 * Of its own instances it is believed.
 */
import { fail } from '../../machines/failure.ts';
import { instanceTimeouts } from '../../machines/instance.ts';
import { effectsOf, isOfControl } from '../../machines/instance-states.ts';
import { type HostLife, saidLife } from '../../transport/messages/host-life.ts';
import type { ToldFact } from '../../transport/messages/internal.ts';
import type { Instance, InstanceLife } from '../../transport/messages/records.ts';
import { stepsOf } from '../instance/chart-snapshot.ts';
import { isSameOwner, type OwnerName } from '../instance/owner-name.ts';
import { attemptOf, contextOf, refuseUnknown, stateOf } from '../instance/stored-chart.ts';
import { instanceOfPayload } from '../records/keys.ts';

/** The longest time that an effect may take (ms). */
const longestMs = Math.max(...Object.values(instanceTimeouts));

/** `known`: as it is stored, which is that host's. */
export function refuseForeign(known: Instance, host: string, said: InstanceLife, facts: readonly ToldFact[]): void {
  const { uuid, projectId } = known;
  refuseUnknown(said);
  const { life } = saidLife.check({ life: said });
  const { context, children = {} } = life.chart;

  refuseUnless(context.uuid === uuid, '/life/chart/context/uuid', 'another instance');
  refuseUnless(isSameOwner(ownerByChart(life), life.owner), '/life/owner', 'not who has it where its chart stands');
  refuseUnless(context.host === undefined || context.host === host, '/life/chart/context/host', 'another host');
  for (const name of ['lostHost', 'wantedHost', 'sharedDisks'] as const) {
    const isAsKnown = context[name] === undefined || context[name] === contextOf(known)[name];
    refuseUnless(isAsKnown, `/life/chart/context/${name}`, 'for the control plane to say');
  }
  refuseUnless(context.attempt >= attemptOf(known), '/life/chart/context/attempt', 'an earlier one');
  refuseUnless(stepsOf(life) === stepsOf(known) + 1, '/life/steps', 'not that of the next step');
  refuseUnless(life.updatedAt >= known.updatedAt, '/life/updatedAt', 'earlier than what is stored');
  for (const payload of [life.payload, context.payload]) {
    refuseUnless(payload === undefined || instanceOfPayload(payload) === uuid, '/life/payload', 'of another instance');
  }
  for (const [name, { src, snapshot }] of Object.entries(children)) {
    const { input } = snapshot;
    const isOfIt = input.uuid === uuid && input.attempt === context.attempt;
    const isTimely = input.deadline <= life.updatedAt + longestMs;
    const isKnown = effectsOf(stateOf(life)).includes(src);
    refuseUnless(isOfIt && isTimely && isKnown, `/life/chart/children/${name}`, 'no effect of where its chart stands');
  }
  for (const [index, { fact }] of facts.entries()) {
    refuseUnless(fact.uuid === uuid && fact.projectId === projectId, `/facts/${index}`, 'of another instance');
  }
}

/** Whose it is where its chart stands. */
function ownerByChart(life: HostLife): OwnerName {
  const { host } = life.chart.context;
  return host === undefined || isOfControl(stateOf(life)) ? 'control' : { host };
}

function refuseUnless(isRight: boolean, field: string, what: string): void {
  if (!isRight) throw fail('invalid_request', `field ${field} is ${what}`, { details: { field } });
}
