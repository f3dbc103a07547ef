/** A whole cloud of a test's own whose host has a libvirt daemon of its own, with emulated guests that have no disk. */
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { onTestFinished } from 'vitest';
import { startCompute } from '../../actors/compute/compute.ts';
import { runCommand } from '../../actors/process/run-command.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { type BootFiles, deadline, startTestHost, type TestHost } from './guests.ts';

export const hostName = 'host1';

export interface RealCloud extends TestHost {
  cloud: TestCloud;
  /** Resolves when the libvirt daemon is killed, at the first lifecycle event of this kind. */
  killAt(kind: number): Promise<void>;
  /** An instance whose guest runs. */
  launch(): Promise<string>;
  /** How many domains libvirt has of the instance, and how many emulators run for it. */
  count(uuid: string): Promise<{ domains: number; emulators: number }>;
}

/** A guest has no operating system that would power off: it has this long for it (ms). */
const graceMs = 500;

/** `boot`: what guests boot instead of nothing. */
export async function startRealCloud(boot?: BootFiles): Promise<RealCloud> {
  const netns = `kn-${randomUUID().slice(0, 8)}`;
  await runCommand('ip', ['netns', 'add', netns]);
  onTestFinished(async () => void (await runCommand('ip', ['netns', 'delete', netns])));
  await runCommand('ip', ['-netns', netns, 'link', 'add', 'kn-br0', 'type', 'bridge']);
  const host = await startTestHost('qemu', { netns, ...(boot && { boot }) });
  onTestFinished(() => host[Symbol.asyncDispose]());
  const cloud = await startTestCloud({ hosts: [] });
  onTestFinished(() => cloud.stop());

  const { hypervisor, daemon } = host;
  const stop = hypervisor.stop.bind(hypervisor);
  hypervisor.stop = (uuid, _, signal) => stop(uuid, graceMs, signal);
  const capacity = { vcpus: 8, memoryMb: 8192, diskGb: 100 };
  const part = await startCompute(cloud.runtime, { name: hostName, hypervisor, capacity });
  onTestFinished(() => part.stop());
  const view = await cloud.runtime.store.view('host');
  await eventually(() => view.get(encodeToken(hostName))?.hypervisorState === 'up' || undefined, 30_000);

  return {
    ...host,
    cloud,
    killAt(kind) {
      return new Promise((resolve, reject) => {
        const stopListening = hypervisor.client.onEvent((event) => {
          if (event.type !== 'lifecycle' || event.kind !== kind) return;
          stopListening();
          daemon.kill('KILL').then(resolve, reject);
        });
      });
    },
    async launch() {
      const { uuid } = await cloud.create();
      await cloud.until(uuid, ({ state }) => state === 'running', 60_000);
      return uuid;
    },
    async count(uuid) {
      await hypervisor.client.whenConnected(deadline());
      const looks = await hypervisor.client.domains();
      const emulators = (await commandLines()).filter((line) => line.includes('qemu-system') && line.includes(uuid));
      return { domains: looks.filter(({ ref }) => ref.uuid === uuid).length, emulators: emulators.length };
    },
  };
}

/** Of every process of this machine. */
export async function commandLines(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}
