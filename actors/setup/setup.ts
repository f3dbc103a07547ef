/**
 * Makes the machine ready for the parts that a process is about to run: packages, a nats-server, a hypervisor, the
 * test image. Idempotent; well under a second when there is nothing to do but start the nats-server.
 */

import { fail, toFailure } from '../../machines/failure.ts';
import { defaultCacheDir } from './cache-dir.ts';
import { ensurePackages, type PackageGroup, type PackagesOutcome } from './debian-packages.ts';
import { type KeptNatsServer, startKeptNatsServer } from './kept-nats-server.ts';
import { ensureLibvirt, type LibvirtDaemon } from './libvirt-daemon.ts';
import type { NatsServerOptions } from './nats-server.ts';
import { buildTestImage, type TestImage } from './test-image.ts';

export interface MachineWishes {
  /** `{ url }`: somebody else's server; nothing is started. Otherwise one of our own is. */
  nats: { url: string } | Omit<NatsServerOptions, 'stateDir'>;
  /** `auto`: libvirt where it can be had, simulated otherwise. `libvirt`: an error where it cannot. */
  hypervisor: 'auto' | 'libvirt' | 'simulated';
  /** Of a libvirt that somebody else sees to; absent, the machine's own, which is started when it is not running. */
  libvirtUri?: string;
  /** Whether to build the test image. Not having it is no error. */
  hasTestImage: boolean;
}

export interface ReadyMachine {
  natsUrl: string;
  /** The server that was started here, to look after it and hear of its end; absent when it is somebody else's. */
  natsServer?: KeptNatsServer;
  hypervisor: 'libvirt' | 'simulated';
  libvirt?: LibvirtDaemon;
  testImage?: TestImage;
  /** Why something wished for is not there, one sentence each. */
  reasons: string[];
  /** Ends the nats-server. libvirtd stays, as guests do. */
  stop(): Promise<void>;
}

export interface MachineOptions {
  /** For the nats-server's store and the logs. */
  stateDir: string;
  /** For the test image; `defaultCacheDir()` when absent. */
  cacheDir?: string;
  want: MachineWishes;
  report: (line: string) => void;
  /** Ends the waiting for a nats-server that has much to read. */
  signal?: AbortSignal;
}

/** Rejects with `unavailable` when there can be no NATS, with `hypervisor_unavailable` when libvirt was demanded. */
export async function ensureMachine(options: MachineOptions): Promise<ReadyMachine> {
  const { want, report, stateDir, cacheDir = defaultCacheDir(), signal } = options;
  const reasons: string[] = [];
  const hasOwnNats = !('url' in want.nats);
  const groups: PackageGroup[] = [
    ...(hasOwnNats ? (['nats'] as const) : []),
    ...(want.hypervisor === 'simulated' ? [] : (['libvirt'] as const)),
    ...(want.hasTestImage ? (['test-image'] as const) : []),
  ];
  // All at once, because each run of apt-get costs seconds.
  const all = await ensurePackages(groups, report);

  if (hasOwnNats && isMissing(all, 'nats-server')) throw fail('unavailable', describeMissing('NATS', all));
  const libvirt =
    want.hypervisor === 'simulated'
      ? undefined
      : await ensureLibvirt({ stateDir, report, ...(want.libvirtUri !== undefined && { uri: want.libvirtUri }) }).catch(
          (error: unknown) => {
            const { message } = toFailure(error);
            const reason = all.missing.length > 0 ? describeMissing('libvirt', all) : `libvirt is not used: ${message}`;
            if (want.hypervisor === 'libvirt') throw fail('hypervisor_unavailable', reason);
            reasons.push(reason);
            return undefined;
          },
        );
  const testImage = want.hasTestImage
    ? await buildTestImage({ cacheDir, report }).catch((error: unknown) => {
        reasons.push(`there is no test image: ${toFailure(error).message}`);
        return undefined;
      })
    : undefined;
  // Last, so that nothing after it can fail and leave it running.
  const natsServer = 'url' in want.nats ? undefined : await startKeptNatsServer({ ...want.nats, stateDir }, signal);
  const natsUrl = natsServer?.url ?? ('url' in want.nats ? want.nats.url : '');
  return {
    natsUrl,
    ...(natsServer ? { natsServer } : {}),
    hypervisor: libvirt ? 'libvirt' : 'simulated',
    ...(libvirt ? { libvirt } : {}),
    ...(testImage ? { testImage } : {}),
    reasons,
    async stop() {
      await natsServer?.stop();
    },
  };
}

function isMissing(outcome: PackagesOutcome, name: string): boolean {
  return outcome.missing.includes(name);
}

/** One sentence that a person can act on. */
export function describeMissing(what: string, outcome: PackagesOutcome): string {
  const { missing, command, reason } = outcome;
  return `${what} is not there: ${missing.join(', ')} missing (${reason ?? 'unknown why'}); run: ${command ?? '-'}`;
}
