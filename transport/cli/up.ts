/** `kilonova up`: the whole cloud in one process, and, when asked, a first instance in it. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClientUsers } from '../../actors/identity/client-users.ts';
import type { Life, Lives } from '../../actors/runtime/lives.ts';
import { ensureDashboard } from '../../actors/setup/dashboard.ts';
import type { KeptNatsServer } from '../../actors/setup/kept-nats-server.ts';
import { ensureMachine, type ReadyMachine } from '../../actors/setup/setup.ts';
import { findProgram } from '../../actors/setup/try-command.ts';
import { fail, toFailure } from '../../machines/failure.ts';
import { systemClock } from '../clock.ts';
import type { Door } from '../http/door.ts';
import { api } from '../messages/api.ts';
import { ApiClient } from '../nats/api-client.ts';
import { inboxOf, readCredentials } from '../nats/credentials.ts';
import { shownUrls } from '../nats/server-urls.ts';
import { subjects } from '../nats/subjects.ts';
import { type Begun, beginCloud, hostNames, passwordFile, tokenFile } from './begin-cloud.ts';
import { adminCredsFile, natsUrlFile, webUrlFile } from './client/access.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { firstFlavor, launchFirst, missingFor } from './first-instance.ts';
import { onAbort } from './first-launch.ts';
import { measureLaunchPath } from './launch-path.ts';
import { accessOf, connectTo, type NatsAccess } from './nats-access.ts';
import { type OwnBus, ownServer, prepareBus } from './own-nats.ts';
import { askedToStop, startProcess } from './process.ts';
import { formatMs } from './progress.ts';
import { defaultState, type Settings } from './settings.ts';
import { goOnUnheard } from './standard-streams.ts';
import { sayOn } from './tell.ts';
import { readVersion } from './version.ts';
import { watchHosts } from './watch-hosts.ts';
import { isLoopback, openDoor } from './web-door.ts';
import { writeWhole } from './whole-file.ts';

export interface UpOptions extends Settings {
  /** Launches a first instance. */
  launch: boolean;
  /** Deletes it again, and ends. */
  once: boolean;
}

/** Somebody wants the cloud to end. */
class StopAsked extends Error {}

/** Resolves with the exit code. What went wrong is told on standard error, all else on standard output. */
export async function up(options: UpOptions): Promise<number> {
  goOnUnheard();
  const startedAt = Date.now();
  const say = sayOn(process.stdout);
  const end = new AbortController();
  void askedToStop().then((name) => {
    say(`· ${name}: stopping; instances go on`);
    end.abort(new StopAsked(name));
  });
  let door: Door | undefined;
  let machine: ReadyMachine | undefined;
  let cloud: Lives | undefined;
  let endWatch: (() => Promise<void>) | undefined;
  try {
    say(`· kilonova ${readVersion()}, with its state in ${options.state}`);
    const opened = await openDoor(options, say);
    door = opened;
    const bus = await prepareBus(options);
    // What serves HTTP takes a while to load, as nats-server does to start.
    const loading = [buildPages(say), import('../../actors/web/web-server.ts')];
    [machine] = await Promise.all([makeReady(options, bus, end.signal, say), ...loading]);
    // A nats-server of our own that dies takes the cloud with it; somebody else's is waited for.
    void machine.natsServer?.ended.then(async (sentence) => {
      end.abort(fail('unavailable', sentence));
      // It would be waited for by all that has yet to be stored.
      await cloud?.runtime.bus.abandon();
    });
    end.signal.throwIfAborted();
    // For client commands on this machine: the port may be any. Not for everybody: a URL may hold a password.
    await writeWhole(join(options.state, natsUrlFile), `${machine.natsUrl}\n`);
    await writeWhole(join(options.state, webUrlFile), `${opened.url}\n`);
    const access = { ...accessOf(options, machine.natsUrl), ...bus };
    const clientUsers = access.credentials && ClientUsers.of(access.credentials);
    const ready = machine;
    const begun = Promise.withResolvers<Begun>();
    const hostsUp = Promise.withResolvers<readonly string[]>();
    const begin = async (life: Life) => {
      begun.resolve(await beginCloud(life, ready, options, { clientUsers, door: opened }, say));
      life.add(await watchHosts(life.runtime, hostNames(ready, options), hostsUp));
    };
    cloud = await startProcess('up', access, options, { signal: end.signal, say, begin });
    cloud.ended.catch((reason) => end.abort(reason));
    endWatch = machine.natsServer && (await watchServer(machine.natsServer, access, end.signal, say));
    end.signal.throwIfAborted();
    const { token, isNew, password, image } = await begun.promise;
    onAbort(end.signal, hostsUp.reject);
    const hosts = await hostsUp.promise;
    say(`✓ the cloud is up after ${formatMs(Date.now() - startedAt)}: ${describeCloud(machine, hosts)}`);
    if (isNew) say(`  the administrator’s token, shown once and kept in ${tokenFile(options)}: ${token}`);
    if (password) say(`  the password of the user admin, shown once and kept in ${passwordFile(options)}: ${password}`);

    if (options.launch) {
      const credentials = clientUsers && readCredentials(adminCredsFile(options.state));
      const clientBus = await connectTo(
        { ...access, credentials },
        { name: 'kilonova first launch', usesJetStream: false },
      );
      try {
        const client = new ApiClient(clientBus, token);
        const missing = hosts.length === 0 ? 'there is no host' : await missingFor(client, image);
        if (missing !== undefined && !options.once) say(`! no instance is launched: ${missing}`);
        else await launchFirst(client, machine, image, { once: options.once, signal: end.signal, say });
        await showLaunchPath(say);
      } finally {
        await clientBus.close();
      }
    }
    if (options.once) return 0;
    say(howToTalk(machine, options, opened));
    return await new Promise<never>((_, reject) => onAbort(end.signal, reject));
  } catch (thrown) {
    // Whoever asked for one launch was not given it.
    if (thrown instanceof StopAsked) return options.once ? exitCodes.failed : exitCodes.done;
    const { code, message } = toFailure(thrown);
    sayOn(process.stderr)(`✗ ${code}: ${message}`);
    return exitCodeOf(code);
  } finally {
    await endWatch?.();
    await cloud?.stop();
    await door?.close();
    for (const file of machine ? [natsUrlFile, webUrlFile] : []) await rm(join(options.state, file), { force: true });
    await machine?.stop();
  }
}

/** A cloud can do without. */
async function buildPages(say: (line: string) => void): Promise<void> {
  await ensureDashboard((line) => say(`· ${line}`)).catch((thrown: unknown) =>
    say(`! there are no pages for a browser: ${toFailure(thrown).message}`),
  );
}

async function makeReady(
  options: Settings,
  bus: OwnBus | undefined,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<ReadyMachine> {
  const { state, nats, natsAddress, hypervisor, libvirtUri, testImage } = options;
  const machine = await ensureMachine({
    stateDir: state,
    want: {
      nats: nats === undefined ? ownServer(options, bus) : { url: nats },
      hypervisor,
      ...(libvirtUri !== undefined && { libvirtUri }),
      hasTestImage: testImage && hypervisor !== 'simulated',
    },
    report: (line) => say(`· ${line}`),
    signal,
  }).catch((thrown: unknown) => {
    const { code, message, details } = toFailure(thrown);
    // A port that is taken is another matter, and explains itself.
    if (code !== 'conflict' || details?.port !== undefined) throw thrown;
    throw fail(code, `a cloud runs on this state already (${message}); stop it, or give this one another --state`);
  });
  if (nats === undefined && !isLoopback(natsAddress) && options.natsTlsCert === undefined) {
    say(`! whoever is on the way to ${natsAddress} can read along, tokens too: --nats-tls-cert encrypts`);
  }
  for (const reason of machine.reasons) say(`! ${reason}`);
  if (hypervisor === 'auto' && machine.hypervisor === 'simulated') say('! going on with a simulated hypervisor');
  return machine;
}

/** Returns the function that ends this. */
async function watchServer(
  server: KeptNatsServer,
  access: NatsAccess,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<() => Promise<void>> {
  // A connection of its own: that of a life ends with it, and would say nothing of the server.
  const bus = await connectTo(access, { name: 'kilonova watch', usesJetStream: false, signal });
  const stop = server.watch({ clock: systemClock, ask: () => bus.storeUse(), say });
  return async () => {
    stop();
    await bus.abandon();
  };
}

async function showLaunchPath(say: (line: string) => void): Promise<void> {
  if (!findProgram('nats-server')) {
    say('  how long a launch alone takes is not measured: that needs a nats-server on this machine');
    return;
  }
  const { medianMs, slowestMs, launches, warmUps } = await measureLaunchPath(firstFlavor);
  say(
    `✓ a launch alone, through all parts on a simulated hypervisor: ${medianMs.toFixed(1)} ms ` +
      `(median of ${launches} after ${warmUps} to warm up, slowest ${slowestMs.toFixed(1)} ms)`,
  );
}

function describeCloud(machine: ReadyMachine, hosts: readonly string[]): string {
  const [only] = hosts;
  const simulated = `${hosts.length} simulated host${hosts.length === 1 ? '' : 's'}`;
  const described = machine.libvirt ? `host ${only} with libvirt` : simulated;
  return `API, cloud controller, scheduler, network controller, web server, ${only === undefined ? 'no host' : described}`;
}

function howToTalk(machine: ReadyMachine, options: Settings, door: Door): string {
  // A checkout has no program on the path.
  const program = import.meta.filename.endsWith('.ts') ? 'npm run -s kilonova --' : 'kilonova';
  const state = options.state === defaultState() ? '' : ` --state ${options.state}`;
  const subject = subjects.api(api.instance.list.resource, api.instance.list.verb);
  const url = shownUrls(machine.natsUrl);
  const nats = ['nats', '--server', url];
  const creds = machine.natsServer && adminCredsFile(options.state);
  if (creds) nats.push('--creds', creds, '--inbox-prefix', inboxOf(readCredentials(creds)));
  return [
    `· in a browser: ${door.url}     as admin, with the password in ${passwordFile(options)}, or with a token`,
    `· NATS: ${url}`,
    `  ${program} instance list${state}     the command line; --help says what else there is`,
    `  every request carries the header Authorization: Bearer <token>, with the token in ${tokenFile(options)}`,
    `  ${nats.join(' ')} req ${subject} '{}' -H "Authorization:Bearer $(cat ${tokenFile(options)})"`,
    `  ${nats.join(' ')} sub 'cloud.fact.>'     what happens, as it happens`,
    '  Ctrl-C stops the cloud; instances go on, and are taken up again at the next start',
  ].join('\n');
}
