/**
 * What a cloud of two hosts has told of three launches: one runs, one whose domain could be made on neither of them, and
 * one that gave up at once.
 */
import type { FailureCode } from '../../machines/failure.ts';
import type { InstanceFact } from '../../transport/messages/internal.ts';

/** When (ms), of which instance, attempt, host, what was left or told, where it is, why. */
const recorded = `
   0 runs   1 -     command                         scheduling
  86 runs   1 host2 scheduling                      building.checking
 202 runs   1 host2 building.checking               building.claiming
 203 runs   1 host2 compute.instance.create.start   building.claiming
 203 runs   1 host2 building.claiming               networking
 254 runs   1 host2 networking                      mapping
 254 runs   1 host2 mapping                         spawning.preparingFilter
 257 runs   1 host2 spawning.preparingFilter        spawning.creatingDisks
 258 runs   1 host2 spawning.creatingDisks          spawning.creatingDomain
 260 runs   1 host2 spawning.creatingDomain         spawning.enablingHairpin
 260 runs   1 host2 spawning.enablingHairpin        spawning.applyingFilter
 261 runs   1 host2 spawning.applyingFilter         spawning.waitingForBoot
 261 runs   1 host2 compute.instance.create.end     spawning.waitingForBoot
 261 runs   1 host2 spawning.waitingForBoot         running
 292 moves  1 -     command                         scheduling
 294 moves  1 host1 scheduling                      building.checking
 306 moves  1 host1 building.checking               building.claiming
 307 moves  1 host1 compute.instance.create.start   building.claiming
 307 moves  1 host1 building.claiming               networking
 332 moves  1 host1 networking                      mapping
 332 moves  1 host1 mapping                         spawning.preparingFilter
 342 moves  1 host1 spawning.preparingFilter        spawning.creatingDisks
 342 moves  1 host1 spawning.creatingDisks          spawning.creatingDomain
 351 moves  1 host1 spawning.creatingDomain         releasing.destroyingDomain       hypervisor_error
 356 moves  1 host1 releasing.destroyingDomain      releasing.removingFilter         hypervisor_error
 362 moves  1 host1 releasing.removingFilter        releasing.removingDisks          hypervisor_error
 370 moves  1 host1 releasing.removingDisks         releasing.unmappingBlockDevices  hypervisor_error
 380 moves  1 host1 releasing.unmappingBlockDevices releasing.releasingNetwork       hypervisor_error
 445 moves  1 host1 releasing.releasingNetwork      releasing.releasingClaim         hypervisor_error
 453 moves  2 -     releasing.releasingClaim        scheduling
 468 moves  2 host2 scheduling                      building.checking
 485 moves  2 host2 building.checking               building.claiming
 485 moves  2 host2 compute.instance.create.start   building.claiming
 485 moves  2 host2 building.claiming               networking
 506 moves  2 host2 networking                      mapping
 508 moves  2 host2 mapping                         spawning.preparingFilter
 514 moves  2 host2 spawning.preparingFilter        spawning.creatingDisks
 514 moves  2 host2 spawning.creatingDisks          spawning.creatingDomain
 517 moves  2 host2 spawning.creatingDomain         releasing.destroyingDomain       hypervisor_error
 526 moves  2 host2 releasing.destroyingDomain      releasing.removingFilter         hypervisor_error
 537 moves  2 host2 releasing.removingFilter        releasing.removingDisks          hypervisor_error
 543 moves  2 host2 releasing.removingDisks         releasing.unmappingBlockDevices  hypervisor_error
 554 moves  2 host2 releasing.unmappingBlockDevices releasing.releasingNetwork       hypervisor_error
 580 moves  2 host2 releasing.releasingNetwork      releasing.releasingClaim         hypervisor_error
 583 moves  3 -     releasing.releasingClaim        scheduling
 589 moves  3 -     compute.instance.create.error   failed.scheduling                no_valid_host
 589 moves  3 -     scheduling                      failed.scheduling                no_valid_host
 630 breaks 1 -     command                         scheduling
 646 breaks 1 host1 scheduling                      building.checking
 658 breaks 1 host1 building.checking               building.claiming
 658 breaks 1 host1 compute.instance.create.start   building.claiming
 658 breaks 1 host1 building.claiming               networking
 680 breaks 1 host1 networking                      mapping
 680 breaks 1 host1 mapping                         spawning.preparingFilter
 684 breaks 1 host1 spawning.preparingFilter        spawning.creatingDisks
 684 breaks 1 host1 spawning.creatingDisks          spawning.creatingDomain
 684 breaks 1 host1 spawning.creatingDomain         releasing.destroyingDomain       hypervisor_error
 698 breaks 1 host1 releasing.destroyingDomain      releasing.removingFilter         hypervisor_error
 705 breaks 1 host1 releasing.removingFilter        releasing.removingDisks          hypervisor_error
 707 breaks 1 host1 releasing.removingDisks         releasing.unmappingBlockDevices  hypervisor_error
 708 breaks 1 host1 releasing.unmappingBlockDevices releasing.releasingNetwork       hypervisor_error
 726 breaks 1 host1 releasing.releasingNetwork      releasing.releasingClaim         hypervisor_error
 732 breaks 1 host1 compute.instance.create.error   releasing.releasingClaim         hypervisor_error
 732 breaks 1 host1 releasing.releasingClaim        failed.spawning                  hypervisor_error
`;

export const recordedAt = Date.parse('2026-11-22T23:59:00Z');

/** As an instance of that project; `uuids` are those of the instances, by name. */
export function recordedFacts(projectId: string, uuids: Record<string, string>): InstanceFact[] {
  return recorded
    .trim()
    .split('\n')
    .map((line) => {
      const [at, name = '', attempt, host = '-', what = '', to = '', code] = line.trim().split(/\s+/);
      const isTransition = !what.startsWith('compute.') && what !== 'command';
      return {
        type: isTransition ? 'transition' : what,
        ...(what === 'command' && { command: 'create' }),
        ...(isTransition && { from: what }),
        ...(host !== '-' && { host }),
        ...(code && { failure: { code: code as FailureCode, message: 'it broke', disposition: 'abort' as const } }),
        uuid: uuids[name] ?? '',
        projectId,
        name,
        at: recordedAt + Number(at),
        to,
        attempt: Number(attempt),
        vmState: 'building',
        requestId: 'req-1',
      };
    });
}
