/** Runs parts in this process: all of them, or the ones that it was told to. Only configuration differs. */
import { startApiServer } from '../api/api-server.ts';
import { type ControllerOptions, startController } from '../controller/controller.ts';
import { startNetworkController } from '../network/network-controller.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { type SchedulerOptions, startScheduler } from '../scheduler/scheduler.ts';
import type { WebOptions } from '../web/web-server.ts';
import { type LibvirtHost, type SimulatedHost, startLibvirtHost, startSimulatedHost } from './compute-hosts.ts';
import { onceReadable } from './once-readable.ts';

export const roles = ['api', 'controller', 'scheduler', 'network', 'compute', 'web'] as const;
export type Role = (typeof roles)[number];

export interface CloudOptions {
  roles: readonly Role[];
  controller?: ControllerOptions;
  scheduler?: SchedulerOptions;
  /** For the role `compute`. */
  libvirtHost?: LibvirtHost;
  simulatedHosts?: SimulatedHost[];
  /** For the role `web`. */
  web?: WebOptions;
}

/** Rejects with what kept the first of them from starting; then none of them runs. */
export async function startCloud(runtime: Runtime, options: CloudOptions): Promise<Part> {
  const has = (role: Role) => options.roles.includes(role);
  const starting: Promise<Part>[] = [];
  if (has('network')) starting.push(startNetworkController(runtime));
  if (has('controller')) starting.push(startController(runtime, options.controller));
  if (has('compute')) starting.push(...startHosts(runtime, options));
  if (has('scheduler')) starting.push(startScheduler(runtime, options.scheduler));
  if (has('api')) starting.push(startApiServer(runtime));
  if (has('web') && options.web) starting.push(startWeb(runtime, options.web));
  const outcomes = await Promise.allSettled(starting);
  const parts = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  /** Who asks before who is asked: none waits for one that has gone. One that cannot be stopped does not keep the others. */
  async function stop(): Promise<void> {
    for (const part of parts.toReversed()) {
      await part.stop().catch((error) => runtime.logger.error({ error }, 'a part could not be stopped in order'));
    }
  }
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  const broken = Promise.race(parts.flatMap((part) => part.broken ?? []));
  return { broken, stop };
}

/** One that is alone in its process has nothing to leave to others: it says at once why it cannot be. */
function startHosts(runtime: Runtime, { roles, libvirtHost, simulatedHosts = [] }: CloudOptions): Promise<Part>[] {
  const hosts: [string, () => Promise<Part>][] = simulatedHosts.map((host) => [
    host.name,
    () => startSimulatedHost(runtime, host),
  ]);
  if (libvirtHost) hosts.push([libvirtHost.name, () => startLibvirtHost(runtime, libvirtHost)]);
  const isAlone = roles.length === 1 && hosts.length === 1;
  return hosts.map(([name, start]) => (isAlone ? start() : onceReadable(runtime, name, start)));
}

/** What serves HTTP is loaded only where it is needed. */
async function startWeb(runtime: Runtime, options: WebOptions): Promise<Part> {
  const { startWebServer } = await import('../web/web-server.ts');
  return startWebServer(runtime, options);
}
