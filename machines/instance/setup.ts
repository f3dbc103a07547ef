/** What the states of the instance chart are made of: the effects, actions and guards that they name. */
import { assign, emit, setup } from 'xstate';
import { effect, timeOf } from '../effect.ts';
import type { InstanceContext, InstanceFlavor, InstanceInput, InstancePort, Step } from './context.ts';
import type {
  GuestState,
  InstanceEvent,
  InstanceMeta,
  InstanceNotification,
  InstanceTag,
  NotificationName,
  PowerState,
} from './events.ts';
import { exhausted, faultOf, hasTriedEnough, lossOf, mayBePlacedAgain, triedWith } from './faults.ts';

export const instanceSetup = setup({
  types: {
    input: {} as InstanceInput,
    context: {} as InstanceContext,
    events: {} as InstanceEvent,
    emitted: {} as InstanceNotification,
    meta: {} as InstanceMeta,
    tags: {} as InstanceTag,
  },
  actors: {
    requestPlacement: effect(),
    checkLaunch: effect(),
    claimResources: effect(),
    allocateNetwork: effect<{ ports: InstancePort[] }>(),
    mapBlockDevices: effect(),
    prepareFilter: effect(),
    createDisks: effect(),
    createDomain: effect(),
    enableHairpin: effect(),
    applyFilter: effect(),
    waitForBoot: effect(),
    startDomain: effect(),
    stopDomain: effect(),
    rebootSoftly: effect(),
    rebootHard: effect(),
    pauseDomain: effect(),
    unpauseDomain: effect(),
    suspendDomain: effect(),
    resumeDomain: effect(),
    inspectDomain: effect<{ powerState: GuestState }>(),
    defineDomain: effect(),
    claimResize: effect<{ previousFlavor: InstanceFlavor }>(),
    resizeDisks: effect(),
    restoreDisks: effect(),
    confirmResize: effect(),
    destroyDomain: effect(),
    removeFilter: effect(),
    unmapBlockDevices: effect(),
    releaseNetwork: effect(),
    removeDisks: effect(),
    releaseClaim: effect(),
    leaveLostHosts: effect(),
    leaveTriedHosts: effect(),
  },
  actions: {
    recordHost: assign({
      host: (_, { host }: { host: string }) => host,
      scheduledAt: ({ event }) => timeOf(event),
    }),
    recordPorts: assign({ ports: (_, { ports }: { ports: InstancePort[] }) => ports }),
    recordLaunch: assign({ launchedAt: ({ context, event }) => context.launchedAt ?? timeOf(event) }),
    recordTermination: assign({ terminatedAt: ({ event }) => timeOf(event) }),
    blame: assign({ fault: ({ context, event }, { step }: { step: Step }) => faultOf(step, context, event) }),
    clearFault: assign({ fault: undefined }),
    noteToRun: assign({ isToRun: true }),
    noteToStayOff: assign({ isToRun: false }),
    recordRebuild: assign(({ context }, { imageId, payload }: { imageId: string; payload?: string | undefined }) => ({
      imageId,
      payload: payload ?? context.payload,
    })),
    recordWantedFlavor: assign({ wantedFlavor: (_, { flavor }: { flavor: InstanceFlavor }) => flavor }),
    clearWantedFlavor: assign({ wantedFlavor: undefined }),
    adoptFlavor: assign({
      flavor: ({ context }) => context.wantedFlavor ?? context.flavor,
      previousFlavor: (_, { previousFlavor }: { previousFlavor: InstanceFlavor }) => previousFlavor,
      wantedFlavor: undefined,
    }),
    clearPreviousFlavor: assign({ previousFlavor: undefined }),
    restoreFlavor: assign({
      flavor: ({ context }) => context.previousFlavor ?? context.flavor,
      previousFlavor: undefined,
    }),
    clearPorts: assign({ ports: [] }),
    recordDeleteWish: assign({ isDeleteWanted: true }),
    beginNextAttempt: assign({
      attempt: ({ context }) => context.attempt + 1,
      tried: ({ context }) => triedWith(context),
      host: undefined,
      fault: undefined,
    }),
    giveUp: assign({ tried: ({ context }) => triedWith(context), fault: ({ context }) => exhausted(context) }),
    leaveLostHost: assign({
      attempt: ({ context }) => context.attempt + 1,
      tried: ({ context: { host }, event }) => (host === undefined ? [] : [{ host, failure: lossOf(event) }]),
      lostHost: ({ context }) => context.host,
      wantedHost: ({ event }) => (event.type === 'instance.evacuate' ? event.host : undefined),
      sharedDisks: ({ event }) => (event.type === 'instance.evacuate' ? event.sharedDisks : undefined),
      host: undefined,
      fault: undefined,
      // What it was resized to is what it goes on as.
      previousFlavor: undefined,
      wantedFlavor: undefined,
    }),
    leaveHost: assign({ host: undefined }),
    returnToLostHost: assign({
      host: ({ context }) => context.lostHost,
      lostHost: undefined,
      wantedHost: undefined,
      sharedDisks: undefined,
    }),
    forgetLostHost: assign({ lostHost: undefined, wantedHost: undefined, sharedDisks: undefined }),
    tell: emit((_, { what }: { what: NotificationName }) => ({ type: `compute.instance.${what}` as const })),
  },
  guards: {
    isSoft: ({ event }) => event.type === 'instance.reboot' && event.how === 'soft',
    isHard: ({ event }) => event.type === 'instance.reboot' && event.how === 'hard',
    isDeleteWanted: ({ context }) => context.isDeleteWanted,
    isToRun: ({ context }) => context.isToRun === true,
    mayBePlacedAgain: ({ context }) => mayBePlacedAgain(context),
    isPlaced: ({ context }) => context.host !== undefined,
    mayLeaveForAnother: ({ context }) => context.host !== undefined && !hasTriedEnough(context),
    hasGuest: ({ context: { launchedAt, lostHost, isDeleteWanted } }) =>
      launchedAt !== undefined && lostHost === undefined && !isDeleteWanted,
    hasFailedDuring: ({ context }, { step }: { step: Step }) => context.fault?.step === step,
    isOtherThan: ({ event }, { powerState }: { powerState: PowerState }) =>
      event.type === 'domain.changed' && event.powerState !== powerState,
    isReported: ({ event }, { powerState }: { powerState: PowerState }) => reportedBy(event) === powerState,
  },
});

/** A state of the chart, checked against what there is to name. */
export const state = instanceSetup.createStateConfig;

/** Keeps what went wrong during a step. */
export function blame(step: Step) {
  return { type: 'blame', params: { step } } as const;
}

/** Emits one of Nova's usage notifications. */
export function tell(what: NotificationName) {
  return { type: 'tell', params: { what } } as const;
}

/** The wish of a client that is kept until it is fulfilled. */
export const wishDeletion = ['recordDeleteWish', tell('delete.start')] as const;

/** What `inspectDomain` found. */
function reportedBy(event: object): PowerState | undefined {
  return (event as { output?: { powerState?: PowerState } }).output?.powerState;
}
