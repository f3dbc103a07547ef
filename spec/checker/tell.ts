/** Tells which promises were broken, and the life of each instance that one was broken for. */
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import type { History } from './history.ts';
import type { Violation } from './violation.ts';

export function tellViolations(violations: readonly Violation[]): string[] {
  return violations.map(({ invariant, message, uuid }) => `  ${invariant}: ${message}${uuid ? ` (${uuid})` : ''}`);
}

export function tellLives(violations: readonly Violation[], history: History): string[] {
  return [...new Set(violations.map(({ uuid }) => uuid))].flatMap((uuid) => lifeOf(uuid, history));
}

/** Every version of the record, and what its guests did. */
function lifeOf(uuid: Violation['uuid'], history: History): string[] {
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
