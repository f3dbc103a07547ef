/** The effects of the instance chart that a compute host does. Nova's nova/compute/manager.py and nova/virt/libvirt. */
import { fail, toFailure } from '../../machines/failure.ts';
import type { InstanceFlavor } from '../../machines/instance.ts';
import type { Image } from '../../transport/messages/records.ts';
import type { GuestPort, Hypervisor } from '../hypervisor/hypervisor.ts';
import type { EffectImplementation, EffectJob, EffectName } from '../instance/effect-runner.ts';
import { greaterOf } from '../instance/held-share.ts';
import { diskShortageOf } from '../records/image-fit.ts';
import type { Claims } from './claims.ts';
import type { GuestSpecs } from './guest-specs.ts';

/** How long a guest that is asked to power off may take (ms). */
const shutdownGraceMs = 60_000;

export interface HostWorld {
  readonly hypervisor: Hypervisor;
  readonly claims: Claims;
  readonly specs: GuestSpecs;
  readonly releaseNetwork: EffectImplementation;
  /** Called before it is looked what a guest does. */
  readonly onLook: (uuid: string) => void;
  /** Makes sure that the host has the port's bridge. Absent on a simulated host. */
  readonly plugNetwork?: (port: GuestPort, signal: AbortSignal) => Promise<void>;
}

type Run = EffectImplementation['run'];

/** What the control plane alone does. */
type ControlEffect = 'requestPlacement' | 'leaveLostHosts' | 'leaveTriedHosts';

export function hostEffects(world: HostWorld): Record<Exclude<EffectName, ControlEffect>, EffectImplementation> {
  const { hypervisor, claims, specs } = world;
  const specOf = ({ owner, callContext }: EffectJob) => specs.of(owner.record, callContext);
  const domainOf = ({ owner, callContext }: EffectJob) => specs.ofDomain(owner.record, callContext);

  async function createDisks({ owner, callContext, signal }: EffectJob): Promise<void> {
    try {
      const spec = await specs.ofDisks(owner.record, callContext);
      if (keepsDisk(owner)) return await hypervisor.adoptDisks(spec, signal);
      await hypervisor.createDisks(spec, signal);
    } catch (error) {
      // A rebuild may come from another image.
      specs.forget(owner.uuid);
      throw error;
    }
  }

  /**
   * Brings a domain to life again, on a host with its bridges and filters in place: they do not survive the host's own
   * reboot. Nova's _create_domain_and_network.
   */
  async function revive(job: EffectJob, start: () => Promise<unknown>): Promise<void> {
    const { key, signal } = job;
    try {
      const spec = await specOf(job);
      for (const port of spec.ports) await world.plugNetwork?.(port, signal);
      await hypervisor.prepareFilter(spec, signal);
      await start();
      await hypervisor.enableHairpin(spec, signal);
      await hypervisor.applyFilter(spec, signal);
    } finally {
      specs.forget(key.uuid);
    }
  }

  /**
   * Whoever comes this far is the owner, and has made nothing yet. What is here is of a try that nobody knows of any more,
   * because the store went back; or a disk that an earlier host has left on shared storage, with the addresses of an
   * earlier try on its config drive.
   */
  async function removeLeftovers(owner: EffectJob['owner'], signal: AbortSignal): Promise<void> {
    const { uuid } = owner;
    if ((await hypervisor.powerState(uuid)) !== 'absent') {
      await hypervisor.destroyDomain(uuid, signal);
      await hypervisor.removeFilter(uuid, signal);
    }
    if (!keepsDisk(owner)) await hypervisor.removeDisks(uuid, signal);
  }

  return {
    // Both only look, or touch what the process itself keeps.
    checkLaunch: local(async ({ owner: { record } }) => {
      // A hypervisor that cannot be asked is found out before anything is taken.
      await hypervisor.powerState(record.uuid);
      refuseLargeImage(await specs.image(record), record.flavor);
    }),
    claimResources: local(async ({ owner: { record } }) => claims.claim(record.uuid, record.flavor)),

    allocateNetwork: durable(async ({ owner, callContext, signal }) => {
      await removeLeftovers(owner, signal);
      const ports = await specs.allocatePorts(owner.record, callContext);
      if (world.plugNetwork) for (const port of ports) await world.plugNetwork(port, signal);
      return {
        ports: ports.map(({ id, networkId, mac, fixedIps }) => ({
          id,
          networkId,
          mac,
          addresses: fixedIps.map(({ address }) => address),
        })),
      };
    }),
    // There are no volumes yet: a root disk is the overlay that createDisks makes.
    mapBlockDevices: local(async () => {}),

    // The spawn is stored as it begins. What is restored later on finds the steps before it done, unless the host itself
    // was rebooted in between: then there is no bridge, the domain cannot be made, and the launch is placed again.
    prepareFilter: durable(async (job) => hypervisor.prepareFilter(await specOf(job), job.signal)),
    createDisks: local(createDisks),
    createDomain: local(async (job) => hypervisor.createDomain(await domainOf(job), job.signal)),
    enableHairpin: local(async (job) => hypervisor.enableHairpin(await specOf(job), job.signal)),
    applyFilter: local(async (job) => hypervisor.applyFilter(await specOf(job), job.signal)),
    waitForBoot: local(async ({ key, signal }) => {
      await hypervisor.waitForBoot(key.uuid, signal);
      specs.forget(key.uuid);
    }),

    startDomain: durable((job) =>
      revive(job, async () => {
        try {
          await hypervisor.start(job.key.uuid, job.signal);
        } catch (thrown) {
          if (toFailure(thrown).code !== 'domain_lost') throw thrown;
          // Of its disks, which have to be there: they are not made anew behind the back of who has data on them.
          await hypervisor.createDomain(await domainOf(job), job.signal);
        }
      }),
    ),
    stopDomain: durable(({ key, signal }) => hypervisor.stop(key.uuid, shutdownGraceMs, signal)),
    rebootSoftly: durable(async ({ key, signal }) => {
      // Its machine may have been booted meanwhile: then there is more to bring back than the guest, as the hard one does.
      const powerState = await hypervisor.powerState(key.uuid);
      if (powerState !== 'running') throw fail('conflict', `the guest of instance ${key.uuid} is ${powerState}`);
      await hypervisor.reboot(key.uuid, 'soft', signal);
    }),
    rebootHard: durable((job) =>
      revive(job, async () => {
        const { key, signal } = job;
        if ((await hypervisor.powerState(key.uuid)) !== 'absent') return hypervisor.reboot(key.uuid, 'hard', signal);
        // As Nova does: what is lost of the domain is made anew.
        await createDisks(job);
        return hypervisor.createDomain(await domainOf(job), signal);
      }),
    ),
    pauseDomain: durable(({ key, signal }) => hypervisor.pause(key.uuid, signal)),
    unpauseDomain: durable(({ key, signal }) => hypervisor.unpause(key.uuid, signal)),
    suspendDomain: durable(({ key, signal }) => hypervisor.suspend(key.uuid, signal)),
    resumeDomain: durable((job) => revive(job, () => hypervisor.resume(job.key.uuid, job.signal))),
    inspectDomain: durable(async ({ key }) => {
      world.onLook(key.uuid);
      const powerState = await hypervisor.powerState(key.uuid);
      if (powerState === 'absent' || powerState === 'crashed' || powerState === 'nostate') {
        throw fail('domain_lost', `the hypervisor reports the domain as ${powerState}`);
      }
      return { powerState };
    }),

    defineDomain: durable(async (job) => {
      try {
        await hypervisor.defineDomain(await domainOf(job), job.signal);
      } finally {
        specs.forget(job.key.uuid);
      }
    }),
    claimResize: durable(async ({ owner: { record, context }, signal }) => {
      const { flavor } = record;
      const { wantedFlavor = flavor } = context;
      refuseLargeImage(await specs.image(record), wantedFlavor);
      // It may have been given up meanwhile, and then nobody would give back what is claimed.
      signal.throwIfAborted();
      claims.change(record.uuid, greaterOf(flavor, wantedFlavor));
      return { previousFlavor: flavor };
    }),
    resizeDisks: durable(async (job) => {
      const { uuid, flavor } = job.owner.record;
      await hypervisor.resizeDisks(uuid, flavor.rootGb, job.signal);
    }),
    restoreDisks: durable(async ({ key, owner: { record, context }, signal }) => {
      await hypervisor.restoreDisks({ uuid: key.uuid, image: await specs.image(record) }, signal);
      claims.change(key.uuid, context.previousFlavor ?? record.flavor);
    }),
    confirmResize: durable(async ({ key, owner: { record }, signal }) => {
      await hypervisor.forgetEarlierDisks(key.uuid, signal);
      claims.change(key.uuid, record.flavor);
    }),

    destroyDomain: durable(({ key, signal }) => hypervisor.destroyDomain(key.uuid, signal)),
    removeFilter: durable(({ key, signal }) => hypervisor.removeFilter(key.uuid, signal)),
    removeDisks: durable(async ({ key, owner, signal }) => {
      // A try on this host that did not work out takes nothing from the next one.
      if (keepsDisk(owner) && !owner.context.isDeleteWanted) return;
      await hypervisor.removeDisks(key.uuid, signal);
    }),
    unmapBlockDevices: durable(async () => {}),
    releaseNetwork: world.releaseNetwork,
    releaseClaim: durable(async ({ key }) => claims.release(key.uuid)),
  };
}

/** Whether the instance goes on with the disk that another host has made. */
function keepsDisk({ context }: EffectJob['owner']): boolean {
  return context.sharedDisks !== undefined;
}

function durable(run: Run): EffectImplementation {
  return { isDurable: true, run };
}

function local(run: Run): EffectImplementation {
  return { isDurable: false, run };
}

function refuseLargeImage(image: Image, flavor: InstanceFlavor): void {
  const shortage = diskShortageOf(image, flavor);
  if (!shortage) return;
  const { needed, given } = shortage;
  throw fail('image_too_large', `image ${image.name} needs ${needed.toFixed(1)} GiB of disk, the flavor has ${given}`, {
    details: { neededGb: needed, rootGb: given },
  });
}
