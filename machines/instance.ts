/**
 * The whole life of one instance.
 *
 * Created by the cloud controller for an accepted request, in `scheduling`; ends in `deleted`. One process owns it at
 * any time: the control plane in the states tagged `control`, where it is placed, or taken over from a host that is
 * down; in all others the compute host that it was placed on. It moves between them, and survives restarts, as its
 * persisted snapshot: the effect of the state that it was in runs again, with the same deadline. Nova's counterpart is
 * nova/compute/manager.py: `_run_instance`, `_shutdown_instance`, the power operations and `rebuild_instance`.
 *
 * Hears a client's commands (`instance.*`), the scheduler's answer (`instance.scheduled`, `placement.failed`), what the
 * hypervisor reports (`domain.changed`), what its host wants of it (`guest.restart`), that what it holds is to be given back
 * once more (`release.retry`), and that its host was declared down (`host.lost`). Emits Nova's usage notifications (`compute.instance.create.start` …). Every step that
 * fails gives back, in `releasing`, what the steps before it took; then the instance is placed again, or rests in the
 * state of `failed` that is named for what failed.
 */
import { assign, emit, setup } from 'xstate';
import { type EffectKey, effect, failureOf, type Timed, timeOf } from './effect.ts';
import type { Failure } from './failure.ts';

/** A stored format: bump it when state names, actor keys or the context change. */
export const instanceSnapshotVersion = 1;

export interface InstanceInput extends Timed {
  uuid: string;
  /** How many hosts may be tried before a launch is given up. */
  maxAttempts: number;
}

export interface InstanceContext {
  uuid: string;
  maxAttempts: number;
  /** Counts placements, from 1; part of the key of every effect. */
  attempt: number;
  /** Absent while the instance is being placed. */
  host?: string | undefined;
  /** The hosts that did not work out, and why: of a launch, or of the latest evacuation. */
  tried: { host: string; failure: InstanceFault }[];
  ports: InstancePort[];
  isDeleteWanted: boolean;
  /** Whether the guest is to run when its disk or its definition has been changed. */
  isToRun?: boolean;
  /** The image that a rebuild wants; absent: the one that it was launched from. */
  imageId?: string;
  /** Names what a rebuild puts on the guest; absent: what it was launched with. */
  payload?: string | undefined;
  /** The flavor that a resize wants, until the host has room for it. */
  wantedFlavor?: InstanceFlavor | undefined;
  /** The flavor that it was resized to; absent: the one that it was launched with. */
  flavor?: InstanceFlavor;
  /** What it had before a resize that is neither confirmed nor reverted. */
  previousFlavor?: InstanceFlavor | undefined;
  /** The host that is down, while the instance is moved away from it. */
  lostHost?: string | undefined;
  /** The only host that an evacuation may go to; absent: any. */
  wantedHost?: string | undefined;
  /** The storage that has the disk, which an evacuation keeps: only hosts that share it will do. Absent: it is made anew. */
  sharedDisks?: string | undefined;
  fault?: InstanceFault | undefined;
  scheduledAt?: number;
  launchedAt?: number;
  terminatedAt?: number;
}

export interface InstancePort {
  id: string;
  networkId: string;
  mac: string;
  addresses: string[];
}

/** What a flavor gives an instance. */
export interface InstanceFlavor {
  id: string;
  name: string;
  vcpus: number;
  memoryMb: number;
  rootGb: number;
  extraSpecs?: Record<string, string>;
}

export type Step =
  | 'scheduling'
  | 'building'
  | 'networking'
  | 'mapping'
  | 'spawning'
  | 'powering'
  | 'rebuilding'
  | 'resizing'
  | 'evacuating'
  | 'releasing';

/** What went wrong last, and during which step. Nova's instance fault. */
export interface InstanceFault extends Failure, Timed {
  step: Step;
}

/** Nova's power states. */
export type PowerState = 'running' | 'paused' | 'shutdown' | 'suspended' | 'crashed' | 'nostate';
export type ReportedPowerState = PowerState | 'absent';
/** The power states that an instance can rest in; a domain in another one is lost. */
export type GuestState = 'running' | 'paused' | 'shutdown' | 'suspended';

/** What a guest does by itself comes with a reason, in words for people, where one is known. */
interface Explained extends Timed {
  reason?: string;
}

export type InstanceEvent =
  | ({ type: 'instance.scheduled'; host: string } & Timed)
  | ({ type: 'placement.failed'; failure: Failure } & Timed)
  | ({ type: 'instance.start' } & Timed)
  | ({ type: 'instance.stop' } & Timed)
  | ({ type: 'instance.reboot'; how: 'soft' | 'hard' } & Timed)
  | ({ type: 'instance.pause' } & Timed)
  | ({ type: 'instance.unpause' } & Timed)
  | ({ type: 'instance.suspend' } & Timed)
  | ({ type: 'instance.resume' } & Timed)
  | ({ type: 'instance.rebuild'; imageId: string; payload?: string | undefined } & Timed)
  | ({ type: 'instance.resize'; flavor: InstanceFlavor } & Timed)
  | ({ type: 'instance.confirm-resize' } & Timed)
  | ({ type: 'instance.revert-resize' } & Timed)
  | ({
      type: 'instance.evacuate';
      failure: Failure;
      host?: string | undefined;
      sharedDisks?: string | undefined;
    } & Timed)
  | ({ type: 'instance.delete' } & Timed)
  | ({ type: 'host.lost'; failure: Failure } & Timed)
  | ({ type: 'domain.changed'; powerState: ReportedPowerState } & Explained)
  | ({ type: 'guest.restart' } & Explained)
  | ({ type: 'release.retry' } & Timed);

/** Nova's words for what a client sees. A state without a `vmState` keeps the one of the state before it. */
export interface InstanceMeta {
  vmState?: 'building' | 'active' | 'stopped' | 'paused' | 'suspended' | 'resized' | 'deleted' | 'error';
  taskState?: string;
  powerState?: PowerState;
}

export interface InstanceNotification {
  type: `compute.instance.${
    | 'create'
    | 'delete'
    | 'rebuild'
    | 'resize'
    | 'resize.confirm'
    | 'resize.revert'
    | 'evacuate'}.${'start' | 'end' | 'error'}`;
}

/** How long each wait may take, in ms. */
export const instanceTimeouts = {
  placementTimeout: 60_000,
  claimTimeout: 15_000,
  networkTimeout: 30_000,
  blockDeviceTimeout: 60_000,
  filterTimeout: 60_000,
  imageTimeout: 600_000,
  domainTimeout: 180_000,
  bootTimeout: 300_000,
  powerTimeout: 180_000,
  softRebootTimeout: 60_000,
  diskTimeout: 600_000,
  inspectionTimeout: 30_000,
  releaseTimeout: 120_000,
} as const;

/** An effect's input: the key of what it is done for, and the deadline that the named timeout makes. */
const within =
  (timeout: keyof typeof instanceTimeouts) =>
  ({ context, event }: { context: InstanceContext; event: object }): EffectKey => ({
    uuid: context.uuid,
    attempt: context.attempt,
    deadline: timeOf(event) + instanceTimeouts[timeout],
  });

/**
 * What led to a failure: the one before it, which no command has cleared since, when one leads to the next; of finding no
 * host, that of the host tried last.
 */
const causeOf = (step: Step, { fault, tried }: InstanceContext): { cause?: Failure } => {
  if (fault) return { cause: fault.cause ?? fault };
  const last = tried.at(-1);
  return step === 'scheduling' && last ? { cause: last.failure } : {};
};

/** The failure that an event carries, as the fault of a step, with what led to it. */
const faultOf =
  (step: Step) =>
  ({ context, event }: { context: InstanceContext; event: object }): InstanceFault => ({
    ...failureOf(event),
    ...causeOf(step, context),
    step,
    at: timeOf(event),
  });

/** Why a launch is given back, also where giving back failed too before it was done. */
const launchFailureOf = ({ fault }: InstanceContext): Failure | undefined =>
  fault?.step === 'releasing' ? fault.cause : fault;
/** The hosts that did not work out, with the one that it is on now. */
const triedWith = ({ tried, host, fault }: InstanceContext): InstanceContext['tried'] =>
  host !== undefined && fault ? [...tried, { host, failure: fault }] : tried;

/** Why a host is left. */
const lossOf = (event: object): InstanceFault => ({ ...failureOf(event), step: 'evacuating', at: timeOf(event) });

/** The tries: the host that an evacuation leaves, which is the first of them, was none. */
const triesOf = (tried: InstanceContext['tried'], { lostHost }: InstanceContext): InstanceContext['tried'] =>
  lostHost === undefined ? tried : tried.slice(1);

/** Whether the host that it is on is the last one that may be tried. */
const hasTriedEnough = (context: InstanceContext): boolean =>
  triesOf(context.tried, context).length + 1 >= context.maxAttempts;

/** The fault of what was given up although another host might have helped: it names all that were tried. */
const exhausted = (context: InstanceContext): InstanceFault | undefined => {
  const { fault } = context;
  const tried = triesOf(triedWith(context), context);
  if (fault?.disposition !== 'reschedule' || tried.length < 2) return fault;
  const reasons = tried.map(({ host, failure }) => `${host}: ${failure.message}`).join('; ');
  return { ...fault, message: `${tried.length} hosts were tried, no more may be: ${reasons}` };
};

/** What `inspectDomain` found. */
const reportedBy = (event: object) => (event as { output?: { powerState?: PowerState } }).output?.powerState;

/** Where an instance goes that has given everything back. */
const afterRelease = [
  { guard: 'isDeleteWanted', target: '#instance.deleted', actions: 'clearPorts' },
  { guard: 'mayBePlacedAgain', target: '#instance.scheduling', actions: ['clearPorts', 'beginNextAttempt'] },
  ...(['building', 'networking', 'mapping'] as const).map((step) => ({
    guard: { type: 'hasFailedDuring', params: { step } } as const,
    target: `#instance.failed.${step}` as const,
    actions: ['clearPorts', 'giveUp'] as const,
  })),
  { target: '#instance.failed.spawning', actions: ['clearPorts', 'giveUp'] },
] as const;

export const instanceMachine = setup({
  types: {
    input: {} as InstanceInput,
    context: {} as InstanceContext,
    events: {} as InstanceEvent,
    emitted: {} as InstanceNotification,
    meta: {} as InstanceMeta,
    tags: {} as 'control' | 'placing',
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
  },
  actions: {
    recordHost: assign({
      host: (_, { host }: { host: string }) => host,
      scheduledAt: ({ event }) => timeOf(event),
    }),
    recordPorts: assign({ ports: (_, { ports }: { ports: InstancePort[] }) => ports }),
    recordLaunch: assign({ launchedAt: ({ context, event }) => context.launchedAt ?? timeOf(event) }),
    recordTermination: assign({ terminatedAt: ({ event }) => timeOf(event) }),
    // Each keeps what went wrong during a step.
    blameScheduling: assign({ fault: faultOf('scheduling') }),
    blameBuilding: assign({ fault: faultOf('building') }),
    blameNetworking: assign({ fault: faultOf('networking') }),
    blameMapping: assign({ fault: faultOf('mapping') }),
    blameSpawning: assign({ fault: faultOf('spawning') }),
    blamePowering: assign({ fault: faultOf('powering') }),
    blameRebuilding: assign({ fault: faultOf('rebuilding') }),
    blameResizing: assign({ fault: faultOf('resizing') }),
    blameEvacuating: assign({ fault: faultOf('evacuating') }),
    blameReleasing: assign({ fault: faultOf('releasing') }),
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
    returnToLostHost: assign({
      host: ({ context }) => context.lostHost,
      lostHost: undefined,
      wantedHost: undefined,
      sharedDisks: undefined,
    }),
    forgetLostHost: assign({ lostHost: undefined, wantedHost: undefined, sharedDisks: undefined }),
    // Nova's usage notifications.
    tellCreateEnd: emit({ type: 'compute.instance.create.end' }),
    tellCreateError: emit({ type: 'compute.instance.create.error' }),
    tellCreateStart: emit({ type: 'compute.instance.create.start' }),
    tellDeleteEnd: emit({ type: 'compute.instance.delete.end' }),
    tellDeleteStart: emit({ type: 'compute.instance.delete.start' }),
    tellEvacuateEnd: emit({ type: 'compute.instance.evacuate.end' }),
    tellEvacuateError: emit({ type: 'compute.instance.evacuate.error' }),
    tellEvacuateStart: emit({ type: 'compute.instance.evacuate.start' }),
    tellRebuildEnd: emit({ type: 'compute.instance.rebuild.end' }),
    tellRebuildError: emit({ type: 'compute.instance.rebuild.error' }),
    tellRebuildStart: emit({ type: 'compute.instance.rebuild.start' }),
    tellResizeConfirmEnd: emit({ type: 'compute.instance.resize.confirm.end' }),
    tellResizeConfirmError: emit({ type: 'compute.instance.resize.confirm.error' }),
    tellResizeConfirmStart: emit({ type: 'compute.instance.resize.confirm.start' }),
    tellResizeEnd: emit({ type: 'compute.instance.resize.end' }),
    tellResizeError: emit({ type: 'compute.instance.resize.error' }),
    tellResizeRevertEnd: emit({ type: 'compute.instance.resize.revert.end' }),
    tellResizeRevertError: emit({ type: 'compute.instance.resize.revert.error' }),
    tellResizeRevertStart: emit({ type: 'compute.instance.resize.revert.start' }),
    tellResizeStart: emit({ type: 'compute.instance.resize.start' }),
  },
  guards: {
    isSoft: ({ event }) => event.type === 'instance.reboot' && event.how === 'soft',
    isHard: ({ event }) => event.type === 'instance.reboot' && event.how === 'hard',
    isDeleteWanted: ({ context }) => context.isDeleteWanted,
    isToRun: ({ context }) => context.isToRun === true,
    mayBePlacedAgain: ({ context }) =>
      launchFailureOf(context)?.disposition === 'reschedule' && !hasTriedEnough(context),
    isPlaced: ({ context }) => context.host !== undefined,
    mayLeaveForAnother: ({ context }) => context.host !== undefined && !hasTriedEnough(context),
    hasGuest: ({ context: { launchedAt, lostHost, isDeleteWanted } }) =>
      launchedAt !== undefined && lostHost === undefined && !isDeleteWanted,
    hasFailedDuring: ({ context }, { step }: { step: Step }) => context.fault?.step === step,
    isOtherThan: ({ event }, { powerState }: { powerState: PowerState }) =>
      event.type === 'domain.changed' && event.powerState !== powerState,
    isReportedAs: ({ event }, { powerState }: { powerState: PowerState }) =>
      event.type === 'domain.changed' && event.powerState === powerState,
    isReported: ({ event }, { powerState }: { powerState: PowerState }) => reportedBy(event) === powerState,
  },
}).createMachine({
  id: 'instance',
  description: 'The life of one virtual machine, from the accepted request to its deletion.',
  context: ({ input }) => ({
    uuid: input.uuid,
    maxAttempts: input.maxAttempts,
    attempt: 1,
    tried: [],
    ports: [],
    isDeleteWanted: false,
  }),
  initial: 'scheduling',
  on: {
    'instance.delete': { target: '.releasing', actions: ['recordDeleteWish', 'tellDeleteStart'] },
    'instance.evacuate': { guard: 'hasGuest', target: '.evacuating', actions: ['noteToRun', 'leaveLostHost'] },
  },
  states: {
    scheduling: {
      description: 'The scheduler is asked to choose a host. The controller’s sweep holds it to its deadline.',
      tags: ['control', 'placing'],
      meta: { vmState: 'building', taskState: 'scheduling' },
      invoke: {
        src: 'requestPlacement',
        input: within('placementTimeout'),
        onError: { target: 'failed.scheduling', actions: 'blameScheduling' },
      },
      on: {
        'instance.scheduled': {
          target: 'building',
          actions: { type: 'recordHost', params: ({ event }) => ({ host: event.host }) },
        },
        'placement.failed': { target: 'failed.scheduling', actions: 'blameScheduling' },
        'instance.delete': { target: 'deleted', actions: ['recordDeleteWish', 'tellDeleteStart'] },
      },
    },

    building: {
      description: 'The host looks whether it can launch the instance, and sets its share aside.',
      meta: { vmState: 'building' },
      on: { 'host.lost': { target: 'reclaiming', actions: 'blameBuilding' } },
      initial: 'checking',
      states: {
        checking: {
          description: 'Is it not launched already, and does its image fit its flavor?',
          invoke: {
            src: 'checkLaunch',
            input: within('claimTimeout'),
            onDone: { target: 'claiming' },
            onError: { target: '#instance.releasing.releasingClaim', actions: 'blameBuilding' },
          },
        },
        claiming: {
          description: 'Sets aside the vCPUs, memory and disk that the flavor asks for.',
          invoke: {
            src: 'claimResources',
            input: within('claimTimeout'),
            onDone: { target: '#instance.networking', actions: 'tellCreateStart' },
            onError: { target: '#instance.releasing.releasingClaim', actions: 'blameBuilding' },
          },
        },
      },
    },

    networking: {
      description: 'The network controller is called for ports and fixed IPs.',
      meta: { vmState: 'building', taskState: 'networking' },
      on: { 'host.lost': { target: 'reclaiming', actions: 'blameNetworking' } },
      invoke: {
        src: 'allocateNetwork',
        input: within('networkTimeout'),
        onDone: {
          target: 'mapping',
          actions: { type: 'recordPorts', params: ({ event }) => ({ ports: event.output.ports }) },
        },
        onError: { target: 'releasing.releasingNetwork', actions: 'blameNetworking' },
      },
    },

    mapping: {
      description: 'Block devices are prepared: the volumes that the instance is to have are connected.',
      meta: { vmState: 'building', taskState: 'block_device_mapping' },
      on: { 'host.lost': { target: 'reclaiming', actions: 'blameMapping' } },
      invoke: {
        src: 'mapBlockDevices',
        input: within('blockDeviceTimeout'),
        onDone: { target: 'spawning' },
        onError: { target: 'releasing.unmappingBlockDevices', actions: 'blameMapping' },
      },
    },

    spawning: {
      description: 'The hypervisor makes the virtual machine and starts it.',
      meta: { vmState: 'building', taskState: 'spawning' },
      on: { 'host.lost': { target: 'reclaiming', actions: 'blameSpawning' } },
      initial: 'preparingFilter',
      states: {
        preparingFilter: {
          description: 'Basic filtering is set up and the instance filter prepared, before there is a tap.',
          invoke: {
            src: 'prepareFilter',
            input: within('filterTimeout'),
            onDone: { target: 'creatingDisks' },
            onError: { target: '#instance.releasing', actions: 'blameSpawning' },
          },
        },
        creatingDisks: {
          description: 'The image is cached, an overlay made on it, and the config drive written.',
          invoke: {
            src: 'createDisks',
            input: within('imageTimeout'),
            onDone: { target: 'creatingDomain' },
            onError: { target: '#instance.releasing', actions: 'blameSpawning' },
          },
        },
        creatingDomain: {
          description: 'The domain is defined from its XML and started.',
          invoke: {
            src: 'createDomain',
            input: within('domainTimeout'),
            onDone: { target: 'enablingHairpin' },
            onError: { target: '#instance.releasing', actions: 'blameSpawning' },
          },
        },
        enablingHairpin: {
          description: 'The bridge may send a frame back to the port that it came from.',
          invoke: {
            src: 'enableHairpin',
            input: within('filterTimeout'),
            onDone: { target: 'applyingFilter' },
            onError: { target: '#instance.releasing', actions: 'blameSpawning' },
          },
        },
        applyingFilter: {
          description: 'The instance filter comes into force.',
          invoke: {
            src: 'applyFilter',
            input: within('filterTimeout'),
            onDone: { target: 'waitingForBoot' },
            onError: { target: '#instance.releasing', actions: 'blameSpawning' },
          },
        },
        waitingForBoot: {
          description: 'The domain has to be seen running.',
          invoke: {
            src: 'waitForBoot',
            input: within('bootTimeout'),
            onDone: { target: '#instance.running', actions: ['recordLaunch', 'tellCreateEnd'] },
            onError: { target: '#instance.releasing', actions: 'blameSpawning' },
          },
        },
      },
    },

    running: {
      description: 'The guest runs.',
      meta: { vmState: 'active', powerState: 'running' },
      on: {
        'instance.stop': { target: 'stopping', actions: 'clearFault' },
        'instance.reboot': [
          { guard: 'isSoft', target: 'rebooting.softly', actions: 'clearFault' },
          { target: 'rebooting.hard', actions: 'clearFault' },
        ],
        'instance.pause': { target: 'pausing', actions: 'clearFault' },
        'instance.suspend': { target: 'suspending', actions: 'clearFault' },
        'instance.rebuild': {
          target: 'rebuilding',
          actions: ['clearFault', 'noteToRun', { type: 'recordRebuild', params: ({ event }) => event }],
        },
        'instance.resize': {
          target: 'resizing',
          actions: ['clearFault', 'noteToRun', { type: 'recordWantedFlavor', params: ({ event }) => event }],
        },
        'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'running' } }, target: 'inspecting' },
        'guest.restart': { target: 'starting', actions: 'clearFault' },
      },
    },

    stopping: {
      description: 'The guest is asked to power off; after a grace period the plug is pulled.',
      meta: { vmState: 'active', taskState: 'powering-off' },
      on: {
        'instance.evacuate': { guard: 'hasGuest', target: 'evacuating', actions: ['noteToStayOff', 'leaveLostHost'] },
      },
      invoke: {
        src: 'stopDomain',
        input: within('powerTimeout'),
        onDone: { target: 'stopped' },
        onError: { target: 'inspecting', actions: 'blamePowering' },
      },
    },

    stopped: {
      description: 'The guest is off; its disk, addresses and claim are kept.',
      meta: { vmState: 'stopped', powerState: 'shutdown' },
      on: {
        'instance.start': { target: 'starting', actions: 'clearFault' },
        'instance.reboot': { guard: 'isHard', target: 'rebooting.hard', actions: 'clearFault' },
        'instance.rebuild': {
          target: 'rebuilding',
          actions: ['clearFault', 'noteToStayOff', { type: 'recordRebuild', params: ({ event }) => event }],
        },
        'instance.resize': {
          target: 'resizing',
          actions: ['clearFault', 'noteToStayOff', { type: 'recordWantedFlavor', params: ({ event }) => event }],
        },
        'instance.evacuate': { guard: 'hasGuest', target: 'evacuating', actions: ['noteToStayOff', 'leaveLostHost'] },
        'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'shutdown' } }, target: 'inspecting' },
      },
    },

    starting: {
      description: 'The domain is started again.',
      meta: { vmState: 'stopped', taskState: 'powering-on' },
      invoke: {
        src: 'startDomain',
        input: within('powerTimeout'),
        onDone: { target: 'running' },
        onError: { target: 'inspecting', actions: 'blamePowering' },
      },
    },

    rebooting: {
      description: 'The guest restarts: by itself when asked softly, off and on again otherwise.',
      initial: 'softly',
      states: {
        softly: {
          description: 'The guest is asked to restart itself; one that does not is rebooted hard, as Nova does.',
          meta: { vmState: 'active', taskState: 'rebooting' },
          invoke: {
            src: 'rebootSoftly',
            input: within('softRebootTimeout'),
            onDone: { target: '#instance.running' },
            onError: { target: 'hard' },
          },
        },
        hard: {
          description: 'The domain is destroyed and started again.',
          meta: { vmState: 'active', taskState: 'rebooting_hard' },
          invoke: {
            src: 'rebootHard',
            input: within('powerTimeout'),
            onDone: { target: '#instance.running' },
            onError: { target: '#instance.inspecting', actions: 'blamePowering' },
          },
        },
      },
    },

    pausing: {
      description: 'The guest’s vCPUs are halted.',
      meta: { vmState: 'active', taskState: 'pausing' },
      invoke: {
        src: 'pauseDomain',
        input: within('powerTimeout'),
        onDone: { target: 'paused' },
        onError: { target: 'inspecting', actions: 'blamePowering' },
      },
    },

    paused: {
      description: 'The guest is halted in memory.',
      meta: { vmState: 'paused', powerState: 'paused' },
      on: {
        'instance.unpause': { target: 'unpausing', actions: 'clearFault' },
        'instance.reboot': { guard: 'isHard', target: 'rebooting.hard', actions: 'clearFault' },
        'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'paused' } }, target: 'inspecting' },
        'guest.restart': { target: 'starting', actions: 'clearFault' },
      },
    },

    unpausing: {
      description: 'The guest’s vCPUs go on.',
      meta: { vmState: 'paused', taskState: 'unpausing' },
      invoke: {
        src: 'unpauseDomain',
        input: within('powerTimeout'),
        onDone: { target: 'running' },
        onError: { target: 'inspecting', actions: 'blamePowering' },
      },
    },

    suspending: {
      description: 'The guest’s memory is written to disk.',
      meta: { vmState: 'active', taskState: 'suspending' },
      invoke: {
        src: 'suspendDomain',
        input: within('powerTimeout'),
        onDone: { target: 'suspended' },
        onError: { target: 'inspecting', actions: 'blamePowering' },
      },
    },

    suspended: {
      description: 'The guest is on disk, and uses neither vCPU nor memory.',
      meta: { vmState: 'suspended', powerState: 'suspended' },
      on: {
        'instance.resume': { target: 'resuming', actions: 'clearFault' },
        'instance.reboot': { guard: 'isHard', target: 'rebooting.hard', actions: 'clearFault' },
        'domain.changed': {
          guard: { type: 'isOtherThan', params: { powerState: 'suspended' } },
          target: 'inspecting',
        },
      },
    },

    resuming: {
      description: 'The guest is started from its memory on disk.',
      meta: { vmState: 'suspended', taskState: 'resuming' },
      invoke: {
        src: 'resumeDomain',
        input: within('powerTimeout'),
        onDone: { target: 'running' },
        onError: { target: 'inspecting', actions: 'blamePowering' },
      },
    },

    rebuilding: {
      description: 'The disk is made anew from the image; name, addresses and claim stay.',
      meta: { taskState: 'rebuilding' },
      on: { 'instance.evacuate': { guard: 'hasGuest', target: 'evacuating', actions: 'leaveLostHost' } },
      entry: 'tellRebuildStart',
      initial: 'destroyingDomain',
      states: {
        destroyingDomain: {
          description: 'The plug is pulled, and the domain undefined.',
          invoke: {
            src: 'destroyDomain',
            input: within('releaseTimeout'),
            onDone: { target: 'removingDisks' },
            onError: { target: '#instance.inspecting', actions: ['blameRebuilding', 'tellRebuildError'] },
          },
        },
        removingDisks: {
          description: 'The overlay and the config drive are removed.',
          invoke: {
            src: 'removeDisks',
            input: within('releaseTimeout'),
            onDone: { target: 'creatingDisks' },
            onError: { target: '#instance.inspecting', actions: ['blameRebuilding', 'tellRebuildError'] },
          },
        },
        creatingDisks: {
          description: 'An overlay is made on the image that is wanted now, and the config drive written.',
          meta: { taskState: 'rebuild_spawning' },
          invoke: {
            src: 'createDisks',
            input: within('imageTimeout'),
            onDone: { target: 'definingDomain' },
            onError: { target: '#instance.inspecting', actions: ['blameRebuilding', 'tellRebuildError'] },
          },
        },
        definingDomain: {
          description: 'The domain is defined anew; it starts when the guest ran before.',
          meta: { taskState: 'rebuild_spawning' },
          invoke: {
            src: 'defineDomain',
            input: within('domainTimeout'),
            onDone: [
              { guard: 'isToRun', target: '#instance.starting', actions: 'tellRebuildEnd' },
              { target: '#instance.stopped', actions: 'tellRebuildEnd' },
            ],
            onError: { target: '#instance.inspecting', actions: ['blameRebuilding', 'tellRebuildError'] },
          },
        },
      },
    },

    resizing: {
      description: 'The instance is given another flavor on its host; what it had is kept beside it.',
      meta: { taskState: 'resize_prep' },
      on: { 'instance.evacuate': { guard: 'hasGuest', target: 'evacuating', actions: 'leaveLostHost' } },
      entry: 'tellResizeStart',
      initial: 'claiming',
      states: {
        claiming: {
          description: 'Sets aside what the new flavor needs more than the one before.',
          invoke: {
            src: 'claimResize',
            input: within('claimTimeout'),
            onDone: {
              target: 'stoppingGuest',
              actions: {
                type: 'adoptFlavor',
                params: ({ event }) => ({ previousFlavor: event.output.previousFlavor }),
              },
            },
            onError: {
              target: '#instance.inspecting',
              actions: ['clearWantedFlavor', 'blameResizing', 'tellResizeError'],
            },
          },
        },
        stoppingGuest: {
          description: 'The guest is asked to power off; after a grace period the plug is pulled.',
          invoke: {
            src: 'stopDomain',
            input: within('powerTimeout'),
            onDone: { target: 'resizingDisks' },
            onError: { target: '#instance.reverting', actions: ['blameResizing', 'tellResizeError'] },
          },
        },
        resizingDisks: {
          description: 'The disk is put aside, and a copy of it grows to the new size.',
          meta: { taskState: 'resize_migrating' },
          invoke: {
            src: 'resizeDisks',
            input: within('diskTimeout'),
            onDone: { target: 'definingDomain' },
            onError: { target: '#instance.reverting', actions: ['blameResizing', 'tellResizeError'] },
          },
        },
        definingDomain: {
          description: 'The domain is defined anew, with the vCPUs and memory of the new flavor.',
          meta: { taskState: 'resize_finish' },
          invoke: {
            src: 'defineDomain',
            input: within('domainTimeout'),
            onDone: [
              { guard: 'isToRun', target: 'startingGuest' },
              { target: '#instance.resized.stopped', actions: 'tellResizeEnd' },
            ],
            onError: { target: '#instance.reverting', actions: ['blameResizing', 'tellResizeError'] },
          },
        },
        startingGuest: {
          description: 'The guest ran before, and is started again.',
          meta: { taskState: 'resize_finish' },
          invoke: {
            src: 'startDomain',
            input: within('powerTimeout'),
            onDone: { target: '#instance.resized.running', actions: 'tellResizeEnd' },
            onError: { target: '#instance.reverting', actions: ['blameResizing', 'tellResizeError'] },
          },
        },
      },
    },

    resized: {
      description: 'The instance has its new flavor; the earlier disk is kept until that is confirmed or reverted.',
      meta: { vmState: 'resized' },
      initial: 'running',
      states: {
        running: {
          description: 'The guest runs.',
          meta: { powerState: 'running' },
          on: {
            'instance.confirm-resize': { target: '#instance.confirming', actions: ['clearFault', 'noteToRun'] },
            'instance.revert-resize': { target: '#instance.reverting', actions: ['clearFault', 'noteToRun'] },
            'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'running' } }, target: 'stopped' },
          },
        },
        stopped: {
          description: 'The guest does not run.',
          meta: { powerState: 'shutdown' },
          on: {
            'instance.confirm-resize': { target: '#instance.confirming', actions: ['clearFault', 'noteToStayOff'] },
            'instance.revert-resize': { target: '#instance.reverting', actions: ['clearFault', 'noteToStayOff'] },
            'instance.evacuate': {
              guard: 'hasGuest',
              target: '#instance.evacuating',
              actions: ['noteToStayOff', 'leaveLostHost'],
            },
            'domain.changed': {
              guard: { type: 'isReportedAs', params: { powerState: 'running' } },
              target: 'running',
            },
          },
        },
        confirmed: {
          description:
            'It is confirmed, and the earlier disk may be half gone: nothing leads back, removing is tried again.',
          on: {
            'instance.confirm-resize': { target: '#instance.confirming', actions: 'clearFault' },
            'release.retry': { target: '#instance.confirming' },
            'instance.evacuate': { guard: 'hasGuest', target: '#instance.evacuating', actions: 'leaveLostHost' },
          },
        },
      },
    },

    confirming: {
      description: 'It is decided: the earlier disk is removed, and what was set aside for it given back.',
      meta: { vmState: 'resized', taskState: 'resize_confirming' },
      on: { 'instance.evacuate': { guard: 'hasGuest', target: 'evacuating', actions: 'leaveLostHost' } },
      entry: 'tellResizeConfirmStart',
      invoke: {
        src: 'confirmResize',
        input: within('releaseTimeout'),
        onDone: { target: 'inspecting', actions: ['clearPreviousFlavor', 'tellResizeConfirmEnd'] },
        onError: { target: 'resized.confirmed', actions: ['blameResizing', 'tellResizeConfirmError'] },
      },
    },

    reverting: {
      description:
        'The instance is given its earlier flavor and disk back: because it is asked for, or a resize failed.',
      meta: { taskState: 'resize_reverting' },
      on: { 'instance.evacuate': { guard: 'hasGuest', target: 'evacuating', actions: 'leaveLostHost' } },
      entry: 'tellResizeRevertStart',
      initial: 'destroyingDomain',
      states: {
        destroyingDomain: {
          description: 'The plug is pulled, and the domain undefined: what the guest wrote since is given up.',
          invoke: {
            src: 'destroyDomain',
            input: within('releaseTimeout'),
            onDone: { target: 'restoringDisks' },
            onError: { target: '#instance.failed.resizing', actions: 'blameResizing' },
          },
        },
        restoringDisks: {
          description: 'The disk that was put aside takes its place again.',
          invoke: {
            src: 'restoreDisks',
            input: within('diskTimeout'),
            onDone: { target: 'definingDomain', actions: 'restoreFlavor' },
            onError: { target: '#instance.failed.resizing', actions: 'blameResizing' },
          },
        },
        definingDomain: {
          description: 'The domain is defined as it was; it starts when the guest ran before.',
          invoke: {
            src: 'defineDomain',
            input: within('domainTimeout'),
            onDone: [
              { guard: 'isToRun', target: '#instance.starting', actions: 'tellResizeRevertEnd' },
              { target: '#instance.stopped', actions: 'tellResizeRevertEnd' },
            ],
            onError: { target: '#instance.failed.resizing', actions: 'blameResizing' },
          },
        },
      },
    },

    evacuating: {
      description:
        'The host is down: the instance is made anew on another one, and keeps its name and addresses; its disk, too, ' +
        'where both hosts share it.',
      meta: { taskState: 'rebuilding' },
      entry: 'tellEvacuateStart',
      on: {
        'host.lost': [
          { guard: 'mayLeaveForAnother', target: '.scheduling', actions: ['blameEvacuating', 'beginNextAttempt'] },
          {
            guard: 'isPlaced',
            target: 'failed.powering',
            actions: ['blameEvacuating', 'giveUp', 'returnToLostHost', 'tellEvacuateError'],
          },
        ],
      },
      initial: 'scheduling',
      states: {
        scheduling: {
          description: 'The scheduler is asked to choose another host. Without one, the instance stays where it is.',
          tags: ['control', 'placing'],
          invoke: {
            src: 'requestPlacement',
            input: within('placementTimeout'),
            onError: {
              target: '#instance.failed.powering',
              actions: ['blameEvacuating', 'returnToLostHost', 'tellEvacuateError'],
            },
          },
          on: {
            'instance.scheduled': {
              target: 'claiming',
              actions: { type: 'recordHost', params: ({ event }) => ({ host: event.host }) },
            },
            'placement.failed': {
              target: '#instance.failed.powering',
              actions: ['blameEvacuating', 'returnToLostHost', 'tellEvacuateError'],
            },
            'instance.delete': { target: '#instance.reclaiming', actions: ['recordDeleteWish', 'tellDeleteStart'] },
          },
        },
        claiming: {
          description: 'Sets aside what the flavor asks for.',
          invoke: {
            src: 'claimResources',
            input: within('claimTimeout'),
            onDone: { target: 'networking' },
            onError: { target: 'releasingClaim', actions: 'blameEvacuating' },
          },
        },
        networking: {
          description: 'The ports that it has are moved to the host.',
          invoke: {
            src: 'allocateNetwork',
            input: within('networkTimeout'),
            onDone: {
              target: 'creatingDisks',
              actions: { type: 'recordPorts', params: ({ event }) => ({ ports: event.output.ports }) },
            },
            onError: { target: 'releasingClaim', actions: 'blameEvacuating' },
          },
        },
        creatingDisks: {
          description: 'The disk that both hosts share is found; or an overlay is made on its image.',
          invoke: {
            src: 'createDisks',
            input: within('imageTimeout'),
            onDone: { target: 'definingDomain' },
            onError: { target: 'destroyingDomain', actions: 'blameEvacuating' },
          },
        },
        definingDomain: {
          description: 'The domain is defined; it starts when the guest ran before.',
          invoke: {
            src: 'defineDomain',
            input: within('domainTimeout'),
            onDone: [
              { guard: 'isToRun', target: '#instance.starting', actions: ['forgetLostHost', 'tellEvacuateEnd'] },
              { target: '#instance.stopped', actions: ['forgetLostHost', 'tellEvacuateEnd'] },
            ],
            onError: { target: 'destroyingDomain', actions: 'blameEvacuating' },
          },
        },
        destroyingDomain: {
          description:
            'It did not work out here: the domain is undefined again. A disk that is kept stays where it is.',
          invoke: {
            src: 'destroyDomain',
            input: within('releaseTimeout'),
            onDone: { target: 'removingDisks' },
            onError: { target: 'removingDisks' },
          },
        },
        removingDisks: {
          description: 'The overlay and the config drive are removed again; a disk that is kept stays where it is.',
          invoke: {
            src: 'removeDisks',
            input: within('releaseTimeout'),
            onDone: { target: 'releasingClaim' },
            onError: { target: 'releasingClaim' },
          },
        },
        releasingClaim: {
          description: 'The host’s share is given back; the ports are kept.',
          invoke: {
            src: 'releaseClaim',
            input: within('releaseTimeout'),
            onDone: [
              { guard: 'mayBePlacedAgain', target: 'scheduling', actions: 'beginNextAttempt' },
              {
                target: '#instance.failed.powering',
                actions: ['giveUp', 'returnToLostHost', 'tellEvacuateError'],
              },
            ],
            onError: {
              target: '#instance.failed.powering',
              actions: ['giveUp', 'returnToLostHost', 'tellEvacuateError'],
            },
          },
        },
      },
    },

    inspecting: {
      description: 'The hypervisor is asked what the guest really does, instead of guessing.',
      meta: { taskState: 'inspecting' },
      on: { 'domain.changed': { target: 'inspecting', reenter: true } },
      invoke: {
        src: 'inspectDomain',
        input: within('inspectionTimeout'),
        onDone: [
          { guard: { type: 'isReported', params: { powerState: 'running' } }, target: 'running' },
          { guard: { type: 'isReported', params: { powerState: 'shutdown' } }, target: 'stopped' },
          { guard: { type: 'isReported', params: { powerState: 'paused' } }, target: 'paused' },
          { target: 'suspended' },
        ],
        onError: { target: 'failed.powering', actions: 'blamePowering' },
      },
    },

    releasing: {
      description: 'Everything that the instance holds is given back, in reverse order: for a deletion, or a failure.',
      meta: { taskState: 'releasing' },
      on: {
        'instance.delete': { actions: ['recordDeleteWish', 'tellDeleteStart'] },
        'host.lost': { target: 'reclaiming' },
      },
      initial: 'destroyingDomain',
      states: {
        destroyingDomain: {
          description: 'The domain is stopped and undefined.',
          invoke: {
            src: 'destroyDomain',
            input: within('releaseTimeout'),
            onDone: { target: 'removingFilter' },
            onError: { target: '#instance.failed.releasing', actions: 'blameReleasing' },
          },
        },
        removingFilter: {
          description: 'The instance filter is removed.',
          invoke: {
            src: 'removeFilter',
            input: within('releaseTimeout'),
            onDone: { target: 'removingDisks' },
            onError: { target: '#instance.failed.releasing', actions: 'blameReleasing' },
          },
        },
        removingDisks: {
          description: 'The overlay and the config drive are removed.',
          invoke: {
            src: 'removeDisks',
            input: within('releaseTimeout'),
            onDone: { target: 'unmappingBlockDevices' },
            onError: { target: '#instance.failed.releasing', actions: 'blameReleasing' },
          },
        },
        unmappingBlockDevices: {
          description: 'The volumes are disconnected.',
          invoke: {
            src: 'unmapBlockDevices',
            input: within('releaseTimeout'),
            onDone: { target: 'releasingNetwork' },
            onError: { target: '#instance.failed.releasing', actions: 'blameReleasing' },
          },
        },
        releasingNetwork: {
          description: 'The ports and their fixed IPs are given back.',
          invoke: {
            src: 'releaseNetwork',
            input: within('releaseTimeout'),
            onDone: { target: 'releasingClaim' },
            onError: { target: '#instance.failed.releasing', actions: 'blameReleasing' },
          },
        },
        releasingClaim: {
          description: 'The host’s share is given back.',
          invoke: {
            src: 'releaseClaim',
            input: within('releaseTimeout'),
            onDone: afterRelease,
            onError: { target: '#instance.failed.releasing', actions: 'blameReleasing' },
          },
        },
      },
    },

    reclaiming: {
      description:
        'The host is down: what does not live there is given back. It removes the rest itself when it returns.',
      tags: 'control',
      meta: { taskState: 'releasing' },
      on: { 'instance.delete': { actions: ['recordDeleteWish', 'tellDeleteStart'] } },
      invoke: {
        src: 'releaseNetwork',
        input: within('releaseTimeout'),
        onDone: afterRelease,
        onError: { target: 'failed.reclaiming', actions: 'blameReleasing' },
      },
    },

    deleted: {
      description: 'Nothing of the instance is left but its record.',
      meta: { vmState: 'deleted' },
      type: 'final',
      entry: ['recordTermination', 'tellDeleteEnd'],
    },

    failed: {
      description: 'The instance rests, with a fault that says what failed.',
      meta: { vmState: 'error' },
      initial: 'spawning',
      states: {
        scheduling: {
          description: 'No host could be found.',
          entry: 'tellCreateError',
          on: { 'instance.delete': { target: '#instance.deleted', actions: ['recordDeleteWish', 'tellDeleteStart'] } },
        },
        building: {
          description: 'The host refused the launch; nothing is held.',
          entry: 'tellCreateError',
          on: { 'instance.delete': { target: '#instance.deleted', actions: ['recordDeleteWish', 'tellDeleteStart'] } },
        },
        networking: {
          description: 'No address could be had; nothing is held.',
          entry: 'tellCreateError',
          on: { 'instance.delete': { target: '#instance.deleted', actions: ['recordDeleteWish', 'tellDeleteStart'] } },
        },
        mapping: {
          description: 'A block device could not be prepared; nothing is held.',
          entry: 'tellCreateError',
          on: { 'instance.delete': { target: '#instance.deleted', actions: ['recordDeleteWish', 'tellDeleteStart'] } },
        },
        spawning: {
          description: 'The virtual machine could not be made; nothing is held.',
          entry: 'tellCreateError',
          on: { 'instance.delete': { target: '#instance.deleted', actions: ['recordDeleteWish', 'tellDeleteStart'] } },
        },
        powering: {
          description: 'What the guest does is unknown, or its domain is lost; everything is still held.',
          meta: { powerState: 'nostate' },
          on: {
            'instance.reboot': { guard: 'isHard', target: '#instance.rebooting.hard', actions: 'clearFault' },
            'instance.start': { target: '#instance.starting', actions: 'clearFault' },
            'instance.stop': { target: '#instance.stopping', actions: 'clearFault' },
            'instance.rebuild': {
              target: '#instance.rebuilding',
              actions: ['clearFault', 'noteToRun', { type: 'recordRebuild', params: ({ event }) => event }],
            },
            'instance.evacuate': [
              {
                guard: { type: 'hasFailedDuring', params: { step: 'evacuating' } },
                target: '#instance.evacuating',
                actions: 'leaveLostHost',
              },
              { target: '#instance.evacuating', actions: ['noteToRun', 'leaveLostHost'] },
            ],
            'domain.changed': { target: '#instance.inspecting' },
          },
        },
        resizing: {
          description: 'A resize could not be undone; everything is still held, the earlier disk too.',
          meta: { powerState: 'nostate' },
          entry: 'tellResizeRevertError',
          on: {
            'instance.revert-resize': { target: '#instance.reverting', actions: 'clearFault' },
            'instance.evacuate': { target: '#instance.evacuating', actions: 'leaveLostHost' },
          },
        },
        releasing: {
          description: 'Something could not be given back; deleting tries again, and the host when it can.',
          on: {
            'release.retry': { target: '#instance.releasing' },
            'host.lost': { target: '#instance.reclaiming' },
          },
        },
        reclaiming: {
          description:
            'The host is down, and the ports could not be given back; deleting tries again, and the control plane does.',
          tags: 'control',
          on: {
            'release.retry': { target: '#instance.reclaiming' },
            'instance.delete': { target: '#instance.reclaiming', actions: ['recordDeleteWish', 'tellDeleteStart'] },
          },
        },
      },
    },
  },
});
