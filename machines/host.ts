/**
 * One compute host, as the process on it sees itself.
 *
 * Created by the compute process at its start, from the persisted snapshot where there is one (so that a host that was
 * disabled stays so); ends when the process stops in order. Two things about it are independent: whether its
 * hypervisor can be used, and whether new instances are wanted on it. That other parts hold it for alive is not here: they
 * see its heartbeat. Nova's counterpart is the nova-compute service with its `disabled` flag.
 *
 * Hears an operator's commands (`host.enable` …), its hypervisor (`hypervisor.connected`, `hypervisor.lost`), and that it
 * was held for dead meanwhile (`host.fenced`).
 */
import { assign, setup } from 'xstate';
import { type EffectKey, effect, failureOf, type Timed, timeOf } from './effect.ts';
import type { Failure } from './failure.ts';

/** A stored format: bump it when state names, actor keys or the context change. */
export const hostSnapshotVersion = 1;

export interface HostInput {
  name: string;
}

export interface HostContext {
  name: string;
  /** Counts connections to the hypervisor; part of the key of every effect. */
  connection: number;
  disabledReason?: string | undefined;
  /** Why the hypervisor is away. */
  fault?: Failure | undefined;
}

export type HostEvent =
  | ({ type: 'host.start' } & Timed)
  | ({ type: 'host.stop' } & Timed)
  | ({ type: 'host.enable' } & Timed)
  | ({ type: 'host.disable'; reason: string } & Timed)
  | ({ type: 'host.drain'; reason: string } & Timed)
  | ({ type: 'host.fenced' } & Timed)
  | ({ type: 'hypervisor.connected' } & Timed)
  | ({ type: 'hypervisor.lost'; failure: Failure } & Timed);

/** How long each wait may take, in ms. */
export const hostTimeouts = { connectTimeout: 60_000, reconcileTimeout: 300_000 } as const;

const within =
  (timeout: keyof typeof hostTimeouts) =>
  ({ context, event }: { context: HostContext; event: object }): EffectKey => ({
    uuid: context.name,
    attempt: context.connection,
    deadline: timeOf(event) + hostTimeouts[timeout],
  });

export const hostMachine = setup({
  types: {
    input: {} as HostInput,
    context: {} as HostContext,
    events: {} as HostEvent,
    tags: {} as 'accepting' | 'usable',
  },
  actors: {
    connectHypervisor: effect(),
    reconcileInstances: effect(),
  },
  actions: {
    countConnection: assign({ connection: ({ context }) => context.connection + 1 }),
    recordFault: assign({ fault: ({ event }) => failureOf(event) }),
    clearFault: assign({ fault: undefined }),
    recordReason: assign({ disabledReason: (_, { reason }: { reason: string }) => reason }),
    clearReason: assign({ disabledReason: undefined }),
  },
}).createMachine({
  id: 'host',
  description: 'A compute host: can its hypervisor be used, and are new instances wanted on it?',
  context: ({ input }) => ({ name: input.name, connection: 0 }),
  type: 'parallel',
  states: {
    hypervisor: {
      description: 'The link to the hypervisor.',
      initial: 'stopped',
      on: { 'host.stop': { target: '.stopped' } },
      states: {
        stopped: {
          description: 'The compute process does not run.',
          on: { 'host.start': { target: 'connecting' } },
        },
        connecting: {
          description: 'The hypervisor is being connected to; until it is, this is tried again and again.',
          entry: 'countConnection',
          invoke: {
            src: 'connectHypervisor',
            input: within('connectTimeout'),
            onDone: { target: 'reconciling', actions: 'clearFault' },
            onError: { target: 'connecting', reenter: true, actions: 'recordFault' },
          },
        },
        reconciling: {
          description: 'What the hypervisor runs is compared with the records of the host’s instances.',
          on: {
            'hypervisor.lost': { target: 'away', actions: 'recordFault' },
            'host.fenced': { target: 'reconciling', reenter: true },
          },
          invoke: {
            src: 'reconcileInstances',
            input: within('reconcileTimeout'),
            onDone: { target: 'up' },
            onError: { target: 'connecting', actions: 'recordFault' },
          },
        },
        up: {
          description: 'The hypervisor can be used.',
          tags: 'usable',
          on: {
            'hypervisor.lost': { target: 'away', actions: 'recordFault' },
            'host.fenced': { target: 'reconciling' },
          },
        },
        away: {
          description: 'The link broke; guests go on, and the driver connects again by itself.',
          on: { 'hypervisor.connected': { target: 'reconciling', actions: ['countConnection', 'clearFault'] } },
        },
      },
    },
    service: {
      description: 'What the operator wants of the host.',
      initial: 'enabled',
      on: {
        'host.enable': { target: '.enabled', actions: 'clearReason' },
        'host.disable': {
          target: '.disabled',
          actions: { type: 'recordReason', params: ({ event }) => ({ reason: event.reason }) },
        },
        'host.drain': {
          target: '.draining',
          actions: { type: 'recordReason', params: ({ event }) => ({ reason: event.reason }) },
        },
      },
      states: {
        enabled: { description: 'New instances are welcome.', tags: 'accepting' },
        disabled: { description: 'No new instances; those that are here go on.' },
        draining: { description: 'No new instances; those that are here are to be moved away.' },
      },
    },
  },
});
