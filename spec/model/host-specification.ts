/**
 * What an operator may see of a host: whether its hypervisor can be used, and whether new instances are wanted on it. A
 * state is both, as `up enabled`. Written apart from the chart, which has to agree with it.
 */
import { type Consequence, type Rules, specify } from './specification.ts';

type None = Record<never, never>;

/** What happens to the link, and where that leads. */
const links: Record<string, Record<string, string>> = {
  stopped: { 'process: starts': 'connecting' },
  connecting: { 'connectHypervisor succeeds': 'reconciling', 'connectHypervisor fails': 'connecting' },
  reconciling: {
    'reconcileInstances succeeds': 'up',
    'reconcileInstances fails': 'connecting',
    'hypervisor: lost': 'away',
    'host: down': 'reconciling',
  },
  up: { 'hypervisor: lost': 'away', 'host: down': 'reconciling' },
  away: { 'hypervisor: connected': 'reconciling' },
};

const wishes: Record<string, string> = {
  'operator: enable': 'enabled',
  'operator: disable': 'disabled',
  'operator: drain': 'draining',
};

const rules: Rules<None> = Object.fromEntries(
  Object.entries(links).flatMap(([link, happenings]) =>
    Object.values(wishes).map((service) => [
      `${link} ${service}`,
      {
        ...leadingTo({ ...happenings, 'process: stops': 'stopped' }, (target) => `${target} ${service}`),
        ...leadingTo(wishes, (target) => `${link} ${target}`),
      },
    ]),
  ),
);

export const hostSpecification = specify<None>('host', { state: 'stopped enabled', context: {} }, rules);

function leadingTo(
  targets: Record<string, string>,
  stateOf: (target: string) => string,
): Record<string, Consequence<None>[]> {
  return Object.fromEntries(Object.entries(targets).map(([event, target]) => [event, [{ target: stateOf(target) }]]));
}
