/** Tells what happened in a world in which a promise was broken, as shortly as it can be told. */
import { contextOf, stateOf } from '../checker/check-records.ts';
import type { Violation } from '../checker/violation.ts';
import { describe } from './actions.ts';
import type { Outcome } from './run-world.ts';
import type { Script } from './script.ts';

export function storyOf({ plan, actions }: Script, { violations, history }: Outcome): string {
  const { seed: _, ...rest } = plan;
  return [
    ...violations.map(({ invariant, message, uuid }) => `  ${invariant}: ${message}${uuid ? ` (${uuid})` : ''}`),
    `  in a world of ${JSON.stringify(rest)}`,
    '  what was done:',
    ...actions.map((action) => `    ${describe(action)}`),
    ...[...new Set(violations.map(({ uuid }) => uuid))].flatMap((uuid) => lifeOf(uuid, history)),
  ].join('\n');
}

/** Every version of the record, and what its guests did. */
function lifeOf(uuid: Violation['uuid'], history: Outcome['history']): string[] {
  const versions = uuid === undefined ? undefined : history.records.get(uuid);
  if (!versions) return [];
  const began = versions[0]?.at ?? 0;
  const lines = versions.map(({ at, record }) => {
    const { attempt, host, fault } = contextOf(record);
    const why = fault ? `: ${fault.code}, ${fault.message}` : '';
    return { at, line: `${stateOf(record)}, attempt ${attempt}${host ? ` on ${host}` : ''}${why}` };
  });
  const guests = history.guests
    .filter((guest) => guest.uuid === uuid)
    .map(({ at, host, powerState }) => ({ at, line: `its guest on ${host} is ${powerState}` }));
  const told = [...lines, ...guests].sort((one, other) => one.at - other.at);
  return [
    `  instance ${uuid}:`,
    ...told.map(({ at, line }) => `    ${((at - began) / 1000).toFixed(3).padStart(8)} s  ${line}`),
  ];
}
