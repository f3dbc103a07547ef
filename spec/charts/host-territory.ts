/** All that can happen to a host. */
import type { AnyTransitionDefinition, StateValue } from 'xstate';
import { type HostContext, hostMachine } from '../../machines/host.ts';
import { type Exploration, explore, failure, type Move, type Sent, type Stage } from './support.ts';

export const input = { name: 'host-1' };

export const events: Sent[] = [
  { type: 'host.start' },
  { type: 'host.stop' },
  { type: 'host.enable' },
  { type: 'host.disable', reason: 'a disk is to be changed' },
  { type: 'host.drain', reason: 'it is to be retired' },
  { type: 'host.fenced' },
  { type: 'hypervisor.connected' },
  { type: 'hypervisor.lost', failure: failure('retry', { code: 'hypervisor_unavailable' }) },
];

function movesOf(here: Stage): Move[] {
  const { underWay } = here;
  const answers: Move[] = underWay
    ? [
        { label: `${underWay.effect} done`, play: (stage) => stage.done() },
        { label: `${underWay.effect} fails`, play: (stage) => stage.fail() },
      ]
    : [];
  const heard = events.filter((event) => here.accepts(event));
  return [...answers, ...heard.map((event): Move => ({ label: event.type, play: (stage) => stage.send(event) }))];
}

let explored: Exploration<undefined> | undefined;

export function exploreHost(): Exploration<undefined> {
  explored ??= explore<undefined>({
    machine: hostMachine,
    input,
    moves: movesOf,
    identify({ value, context }) {
      const { fault, disabledReason } = context as HostContext;
      return [JSON.stringify(value), fault?.code, disabledReason].join();
    },
    world: undefined,
    affect: () => undefined,
  });
  return explored;
}

/** Where the region stands that a transition belongs to: `hypervisor.up`. */
export function regionPath(value: StateValue, { source }: AnyTransitionDefinition): string {
  const [region = ''] = source.path;
  return `${region}.${String((value as Record<string, StateValue>)[region])}`;
}
