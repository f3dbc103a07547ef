/** Ways to break what the design rests on, to see that the checker notices: each is a promise that somebody forgot to keep. */
import { Claims } from '../../actors/compute/claims.ts';
import type { GuestSpec } from '../../actors/hypervisor/hypervisor.ts';
import { EffectRunner } from '../../actors/instance/effect-runner.ts';
import { greaterOf, type Share } from '../../actors/instance/held-share.ts';
import { attemptOf } from '../../actors/instance/stored-chart.ts';
import type { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { fail } from '../../machines/failure.ts';
import { networkCalls } from '../../transport/messages/internal.ts';
import { buckets, type Instance } from '../../transport/messages/records.ts';
import type { Message } from '../../transport/nats/bus.ts';
import { any, matches, subjects } from '../../transport/nats/subjects.ts';
import type { Action } from './actions.ts';
import type { Script } from './script.ts';
import type { SimulatedNats } from './simulated-nats.ts';

export interface Sabotage {
  /** Buckets whose writes are never refused as late. */
  unfencedBuckets?: readonly string[];
  /** Buckets that acknowledge a write in fifty before it is stored, and then forget it. */
  forgetfulBuckets?: readonly string[];
  /** Whether a cast is acknowledged as it is delivered. */
  acknowledgesEarly?: boolean;
  /** What a message arrives as; nothing: as it was sent. */
  carry?: (message: Message, nats: SimulatedNats) => Message | undefined;
  /** What stands before a host's hypervisor. */
  hypervisor?: (hypervisor: SimulatedHypervisor) => SimulatedHypervisor;
  /** Breaks a part that every world is made of, until what it returns is called. */
  part?: () => () => void;
  /** What has to happen in a world for that to come to something. */
  script?: (script: Script) => Script;
}

const elsewhere = { code: 'hypervisor_error', message: 'a simulated failure', disposition: 'reschedule' } as const;

/** Each with the promise that it has to break. */
export const sabotages: Record<string, Sabotage & { breaks: string }> = {
  'a fence removed: every write to an instance’s record is taken': {
    unfencedBuckets: [buckets.instance.name],
    breaks: 'no record moves backwards',
  },
  'no uniqueness: every lease of an address is granted': {
    unfencedBuckets: [buckets.address.name],
    // At once, of two network controllers that cannot have heard of each other's choice yet.
    script: ({ plan, actions }) => ({
      plan: { ...plan, networks: 2, cidr: '10.20.0.0/28' },
      actions: actions.map((action) => ('wish' in action && action.wish === 'create' ? { ...action, at: 0 } : action)),
    }),
    breaks: 'addresses add up',
  },
  'a record acknowledged before it is durable': {
    forgetfulBuckets: [buckets.instance.name],
    breaks: 'what was accepted is not lost',
  },
  'a cast acknowledged before its consequence is durable': {
    acknowledgesEarly: true,
    // Hosts are killed over what they are told.
    script: ({ plan }) => ({
      plan: { ...plan, cidr: '10.20.0.0/22', quota: -1 },
      actions: [
        ...Array.from({ length: 12 }, (_, instance): Action[] => [
          { at: 0, wish: 'create', instance, flavor: 'small' },
          { at: 20_000 + instance, wish: 'stop', instance },
        ]).flat(),
        ...plan.hosts.map((process): Action => ({ at: 20_010, fault: 'kill', process, forMs: 1_000 })),
      ],
    }),
    breaks: 'a command in the queue is taken or refused',
  },
  'an effect that is not idempotent: to remove what is not there fails': {
    hypervisor: (hypervisor) =>
      instead(hypervisor, 'removeDisks', async (uuid, signal) => {
        const { disks } = hypervisor.leftovers();
        if (!disks.includes(uuid)) throw fail('hypervisor_error', `instance ${uuid} has no disk`);
        await hypervisor.removeDisks(uuid, signal);
      }),
    breaks: 'no instance is stuck',
  },
  'an effect that claims to be done: a domain is not destroyed': {
    hypervisor: (hypervisor) => instead(hypervisor, 'destroyDomain', async () => undefined),
    breaks: 'a failure leaves nothing behind',
  },
  'a host that returns, and does not look what it has': {
    hypervisor: (hypervisor) =>
      instead(
        instead(hypervisor, 'listGuests', async () => []),
        'listDisks',
        async () => [],
      ),
    breaks: 'no instance has two domains',
  },
  'an effect that undoes too much: a domain takes its disks along': {
    // A host returns whose guests have been moved away, and keep the disks that it shares.
    script: ({ plan, actions }) => ({
      plan: { ...plan, sharers: plan.hosts.length },
      actions: [
        ...actions,
        { at: 60_000, fault: 'kill', process: 'host-1', forMs: 60_000 },
        { at: 90_000, wish: 'evacuateHost', host: 'host-1' },
      ],
    }),
    hypervisor: (hypervisor) =>
      instead(hypervisor, 'destroyDomain', async (uuid, signal) => {
        await hypervisor.destroyDomain(uuid, signal);
        await hypervisor.removeDisks(uuid, signal);
      }),
    breaks: 'a disk stays',
  },
  'an effect that claims to be done: a guest is not paused': {
    hypervisor: (hypervisor) => instead(hypervisor, 'pause', async () => undefined),
    breaks: 'what is said to be done is done',
  },
  'an effect that claims to be done: a filter is not put in force': {
    hypervisor: (hypervisor) => instead(hypervisor, 'applyFilter', async () => undefined),
    breaks: 'a guest is behind its filter',
  },
  'an effect that claims to be done: a disk is not removed, and a guest is rebuilt from it': {
    hypervisor: (hypervisor) => instead(hypervisor, 'removeDisks', async () => undefined),
    breaks: 'a guest has its image',
  },
  'an effect that claims to be done: a domain keeps its definition': {
    hypervisor: (hypervisor) =>
      instead(hypervisor, 'defineDomain', async (guest, signal) => {
        if (hypervisor.peek(guest.uuid) === 'absent') await hypervisor.defineDomain(guest, signal);
      }),
    breaks: 'a guest has its flavor',
  },
  'an effect that does more than is asked: a guest that is started gets a new disk': {
    hypervisor: (hypervisor) => {
      const guests = new Map<string, GuestSpec>();
      return instead(
        instead(hypervisor, 'createDisks', async (guest, signal) => {
          guests.set(guest.uuid, guest);
          await hypervisor.createDisks(guest, signal);
        }),
        'start',
        async (uuid, signal) => {
          await hypervisor.removeDisks(uuid, signal);
          await hypervisor.createDisks(guests.get(uuid) as GuestSpec, signal);
          await hypervisor.start(uuid, signal);
        },
      );
    },
    breaks: 'a disk stays',
  },
  'a deletion that is not written down: whoever was told of it is gone': {
    // The launches go elsewhere, where nobody was told.
    script: ({ plan, actions }) => ({
      plan: { ...plan, cidr: '10.20.0.0/22', quota: -1 },
      actions: [
        ...actions.filter((action) => 'wish' in action && action.wish === 'create'),
        ...plan.hosts.slice(1).map((process): Action => ({ at: 60_030, fault: 'kill', process, forMs: 90_000 })),
        ...Array.from({ length: 12 }, (_, index): Action[] => [
          { at: 60_000, wish: 'create', instance: 100 + index, flavor: 'small' },
          { at: 61_000, wish: 'delete', instance: 100 + index },
        ]).flat(),
      ],
    }),
    carry: ({ subject, data, ...message }) => {
      if (!subject.startsWith(subjects.record(buckets.instance.name, '')) || data.length === 0) return undefined;
      const { isDeletionAsked: _, ...record } = JSON.parse(Buffer.from(data).toString());
      return { ...message, subject, data: Buffer.from(JSON.stringify(record)) };
    },
    breaks: 'what was accepted is done',
  },
  'a release of any attempt: one that comes late takes what the next one has': {
    // Launches fail on hosts that are then cut off, and are heard again when they run elsewhere.
    script: ({ plan }) => ({
      plan: { ...plan, cidr: '10.20.0.0/22', quota: -1 },
      actions: [
        ...Array.from({ length: 12 }, (_, instance): Action => ({ at: 0, wish: 'create', instance, flavor: 'small' })),
        ...plan.hosts.slice(1).flatMap((host): Action[] => [
          { at: 0, fault: 'failStep', host, step: 'createDomain', times: 12, failure: elsewhere, timing: 'before' },
          { at: 200, fault: 'cut', process: host, forMs: 40_000 },
        ]),
      ],
    }),
    carry: ({ subject, data, ...message }, nats) => {
      const { name } = networkCalls.releaseForInstance;
      if (!matches(subject, subjects.hostCall('network', any, name))) return undefined;
      const { instanceUuid } = JSON.parse(Buffer.from(data).toString());
      const stored = nats.bucket(buckets.instance.name).latest(instanceUuid)?.bytes ?? data;
      const { owner, chart }: Instance = JSON.parse(Buffer.from(stored).toString());
      if (owner === 'control') return undefined;
      const asked = JSON.stringify({ instanceUuid, attempt: attemptOf({ chart }) });
      return { ...message, subject: subjects.hostCall('network', owner.host, name), data: Buffer.from(asked) };
    },
    breaks: 'an address stays',
  },
  'a resize that gives nothing back: what a host counts for an instance only grows': {
    // All are made smaller, and others are launched into the room that is left.
    script: ({ plan }) => ({
      plan: { ...plan, cidr: '10.20.0.0/22', quota: -1 },
      actions: Array.from({ length: 40 }, (_, instance): Action[] => {
        if (instance >= 12) return [{ at: 120_000, wish: 'create', instance, flavor: 'small' }];
        return [
          { at: 0, wish: 'create', instance, flavor: 'large' },
          { at: 20_000, wish: 'resize', instance, flavor: 'slim' },
          { at: 40_000, wish: 'confirmResize', instance },
        ];
      }).flat(),
    }),
    part: () => {
      const { change } = Claims.prototype;
      const counted = new Map<string, Share>();
      Claims.prototype.change = function (uuid, share) {
        const most = greaterOf(share, counted.get(uuid) ?? share);
        change.call(this, uuid, most);
        counted.set(uuid, most);
      };
      return () => {
        Claims.prototype.change = change;
      };
    },
    breaks: 'a host gives what it has',
  },
  'a host that does not say what it has compared with: nobody waits for it, and makes what it has a second time': {
    // Launches that have failed on one host run on the other, which is the last to hear that the store knows nothing of it.
    script: ({ plan }) => ({
      plan: { ...plan, hosts: ['host-1', 'host-2'], sharers: 0, cidr: '10.20.0.0/22', quota: -1 },
      actions: [
        {
          at: 0,
          fault: 'failStep',
          host: 'host-1',
          step: 'createDomain',
          times: 3,
          failure: elsewhere,
          timing: 'before',
        },
        ...Array.from({ length: 8 }, (_, instance): Action => ({ at: 0, wish: 'create', instance, flavor: 'slim' })),
        { at: 1_000, fault: 'pause', process: 'host-2', forMs: 8_000 },
        { at: 1_000, fault: 'killNats', forMs: 200, lost: 80 },
      ],
    }),
    carry: ({ subject, data, ...message }) => {
      if (!subject.startsWith(subjects.record(buckets.host.name, '')) || data.length === 0) return undefined;
      const { comparedWith: _, ...record } = JSON.parse(Buffer.from(data).toString());
      return { ...message, subject, data: Buffer.from(JSON.stringify(record)) };
    },
    breaks: 'no instance has two domains',
  },
  'an effect without a deadline: one that hangs is waited for': {
    // On every host, for longer than a launch may wait for its domain.
    script: ({ plan }) => ({
      plan,
      actions: [
        ...plan.hosts.map((host): Action => ({ at: 0, fault: 'hangStep', host, step: 'createDomain', forMs: 400_000 })),
        { at: 100, wish: 'create', instance: 0, flavor: 'small' },
      ],
    }),
    part: () => {
      const { begin } = EffectRunner.prototype;
      EffectRunner.prototype.begin = function (actor, name, key, listener) {
        begin.call(this, actor, name, { ...key, deadline: Number.POSITIVE_INFINITY }, listener);
      };
      return () => {
        EffectRunner.prototype.begin = begin;
      };
    },
    breaks: 'each deadline is kept',
  },
};

/** The hypervisor, but for one of its steps. */
function instead<Name extends keyof SimulatedHypervisor>(
  hypervisor: SimulatedHypervisor,
  step: Name,
  work: SimulatedHypervisor[Name],
): SimulatedHypervisor {
  return new Proxy(hypervisor, {
    get(target, name) {
      if (name === step) return work;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
