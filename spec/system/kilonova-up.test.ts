/** How `kilonova up` ends: its exit codes, and what it says about them. */
import { spawnSync } from 'node:child_process';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startKilonova } from '../support/kilonova-process.ts';
import { eventually } from '../support/test-cloud.ts';

const nobody = 65_534;
const asNobody = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', '--'];
const isReady = /Ctrl-C stops the cloud/;
const simulated = ['--hypervisor', 'simulated', '--nats-port', '0'];

async function newState(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-up-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describe('kilonova up', () => {
  it.for(['SIGINT', 'SIGTERM'] as const)('stops in order at %s, and ends with 0', async (signal) => {
    await using cloud = startKilonova(['up', ...simulated, '--state', await newState()]);
    await cloud.says(isReady);
    cloud.kill(signal);
    expect(await cloud.ended).toBe(0);
    expect(cloud.stdout()).toContain(`${signal}: stopping`);
    expect(cloud.stderr()).toBe('');
  });

  it('tells client commands where it listens, as long as it runs', async () => {
    const state = await newState();
    await using cloud = startKilonova(['up', ...simulated, '--state', state]);
    await cloud.says(isReady);
    const listed = startKilonova(['flavor', 'list', '--state', state]);
    expect(await listed.ended, listed.stderr()).toBe(0);
    expect(listed.stdout()).toContain('m1.micro');
    cloud.kill('SIGTERM');
    expect(await cloud.ended).toBe(0);
    await expect(readFile(join(state, 'nats-url'), 'utf8')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.for([
    ['to a disk that is full', '/dev/full'],
    ['to a reader that has gone', '>(true)'],
  ] as const)('goes on when what it says goes %s, and stops in order', async ([_, where]) => {
    const state = await newState();
    const runner = ['bash', '-c', `exec "$@" > ${where} 2>&1`, 'bash'];
    await using cloud = startKilonova(['up', ...simulated, '--log-level', 'trace', '--state', state], { runner });
    const url = await eventually(
      async () => (await readFile(join(state, 'web-url'), 'utf8').catch(() => '')) || undefined,
      60_000,
    );
    await eventually(async () => (await fetch(`${url.trim()}readyz`)).ok || undefined, 60_000);
    cloud.kill('SIGTERM');
    expect(await cloud.ended).toBe(0);
    await expect(readFile(join(state, 'nats-url'), 'utf8')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses a state folder that another cloud runs on, and leaves that one alone', async () => {
    const state = await newState();
    await using first = startKilonova(['up', ...simulated, '--state', state]);
    await first.says(isReady);
    await using second = startKilonova(['up', ...simulated, '--state', state]);
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toContain('✗ conflict: a cloud runs on this state already');
    first.kill('SIGTERM');
    expect(await first.ended).toBe(0);
  });

  it('says why its nats-server has ended, and waits for it no more', { timeout: 60_000 }, async () => {
    const state = await newState();
    await using cloud = startKilonova(['up', ...simulated, '--simulated-hosts', '4', '--state', state]);
    await cloud.says(isReady);
    process.kill(Number(await readFile(join(state, 'nats-server.pid'), 'utf8')), 'SIGKILL');
    await cloud.says(/✗ unavailable: nats-server was killed by SIGKILL/);
    const saidAt = Date.now();
    expect(await cloud.ended).toBe(5);
    expect(Date.now() - saidAt).toBeLessThan(10_000);
  });

  it('launches its first instance at the first start, finds it at the next, and replaces it when it is lost', async () => {
    const state = await newState();
    const args = ['up', '--launch', ...simulated, '--state', state];
    const uuids: (string | undefined)[] = [];
    for (const said of [/✓ (\S+) runs on/, /✓ the first instance is there: (\S+)/, /✓ (\S+) runs on/]) {
      await using cloud = startKilonova(args);
      await cloud.says(isReady);
      uuids.push(said.exec(cloud.stdout())?.[1]);
      cloud.kill('SIGTERM');
      expect(await cloud.ended).toBe(0);
      // Guests of a simulated host are what its journal says.
      if (uuids.length === 2) await rm(join(state, 'compute'), { recursive: true });
    }
    expect(uuids[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(uuids[1]).toBe(uuids[0]);
    expect(uuids[2]).toMatch(/^[0-9a-f-]{36}$/);
    expect(uuids[2]).not.toBe(uuids[0]);
  });

  it('says which server does not answer', async () => {
    const nats = 'nats://127.0.0.1:1';
    const words = ['--nats', nats, '--nats-wait', '0', '--state', await newState()];
    await using cloud = startKilonova(['up', '--hypervisor', 'simulated', ...words]);
    expect(await cloud.ended).toBe(5);
    expect(cloud.stderr()).toContain(`✗ unavailable: there is no NATS for us at ${nats}`);
  });

  it('refuses a certificate without its key as wrong use', async () => {
    const words = ['--hypervisor', 'simulated', '--nats-tls-cert', '/nowhere/cert.pem', '--state', await newState()];
    await using cloud = startKilonova(['up', ...words]);
    expect(await cloud.ended).toBe(2);
    expect(cloud.stderr()).toContain('✗ invalid_request: --nats-tls-cert and --nats-tls-key go together');
  });

  it.for([
    [['up', '--frob'], "unknown option '--frob'"],
    [['frob'], "unknown command 'frob'"],
    [['up', '--hypervisor', 'xen'], "argument 'xen' is invalid"],
    [['up', '--cidr', '10.0.0.0/31'], 'room for guests'],
    [['up', '--bridge', 'a name that is too long'], 'a name for a bridge'],
    [['up', '--max-attempts', '0'], 'whole number from 1'],
  ] as const)('refuses %j with a usage error', async ([args, message]) => {
    await using cloud = startKilonova(args);
    expect(await cloud.ended).toBe(2);
    expect(cloud.stderr()).toContain(message);
    expect(cloud.stderr()).toContain('--help');
    expect(cloud.stdout()).toBe('');
  });
});

describe('kilonova up --once', () => {
  it('ends with the reason when libvirt does not answer', async () => {
    const uri = 'qemu+unix:///system?socket=/nowhere/libvirt-sock';
    const flags = ['--hypervisor', 'libvirt', '--libvirt-uri', uri, '--nats-port', '0', '--no-test-image'];
    await using cloud = startKilonova(['up', '--once', ...flags, '--state', await newState()]);
    expect(await cloud.ended).toBe(1);
    expect(cloud.stderr()).toMatch(/✗ hypervisor_unavailable: .*nobody answers at \/nowhere\/libvirt-sock/);
  });

  it('ends with 1 when it is stopped before the instance runs', async () => {
    const flags = [...simulated, '--simulated-latency', '1000'];
    await using cloud = startKilonova(['up', '--once', ...flags, '--state', await newState()]);
    await cloud.says(/networking/);
    cloud.kill('SIGINT');
    expect(await cloud.ended).toBe(1);
    expect(cloud.stdout()).toContain('SIGINT: stopping');
    expect(cloud.stdout()).not.toContain('✓ nothing of it is left');
  });

  it.skipIf(!canBeNobody())('goes on with the simulated hypervisor for a user who may not use libvirt', async () => {
    const state = await newState();
    await chown(state, nobody, nobody);
    const runner = asNobody;
    const environment = { HOME: state, KILONOVA_CACHE_DIR: join(state, 'cache') };
    const flags = ['--nats-port', '0', '--no-test-image', '--state', state];
    await using cloud = startKilonova(['up', '--once', ...flags], { runner, environment });
    expect(await cloud.ended, cloud.stderr()).toBe(0);
    expect(cloud.stdout()).toMatch(/^! libvirt is not /m);
    expect(cloud.stdout()).toContain('! going on with a simulated hypervisor');
    expect(cloud.stdout()).toContain('hypervisor simulated');
    expect(cloud.stdout()).toContain('✓ nothing of it is left');

    await using demanding = startKilonova(['up', '--once', '--hypervisor', 'libvirt', ...flags], {
      runner,
      environment,
    });
    expect(await demanding.ended).toBe(1);
    expect(demanding.stderr()).toMatch(/✗ hypervisor_unavailable: libvirt is not /);
  });
});

/** Root may become another user; that one may not reach a checkout in a home folder. */
function canBeNobody(): boolean {
  if (process.getuid?.() !== 0) return false;
  const [program = '', ...words] = asNobody;
  return spawnSync(program, [...words, process.execPath, '--check', fileURLToPath(import.meta.url)]).status === 0;
}
