/** NATS over TLS: a nats-server of our own with a certificate, and clients that look whether it is the right one. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { runCommand } from '../../actors/process/run-command.ts';
import { startKilonova } from '../support/kilonova-process.ts';

let folder: string;

/** Signs a certificate for loopback; `days` may be over. */
async function makeCertificate(name: string, authority: string, address = '127.0.0.1'): Promise<void> {
  const at = (file: string) => join(folder, file);
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=IP:${address}`];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', at(`${name}.key`)];
  await runCommand('openssl', [
    ...['req', '-x509', '-CA', at(`${authority}.pem`), '-CAkey', at(`${authority}.key`), '-days', '2'],
    ...['-addext', 'basicConstraints=critical,CA:false', ...key, ...subject, '-out', at(`${name}.pem`)],
  ]);
}

async function makeAuthority(name: string): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)];
  await runCommand('openssl', ['req', '-x509', '-days', '2', ...key, '-subj', `/CN=${name}`, ...files]);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kilonova-tls-'));
  for (const name of ['ours', 'theirs']) await makeAuthority(name);
  await makeCertificate('server', 'ours');
  await makeCertificate('elsewhere', 'ours', '192.0.2.1');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function newState(): Promise<string> {
  const state = await mkdtemp(join(tmpdir(), 'kilonova-tls-state-'));
  onTestFinished(() => rm(state, { recursive: true, force: true }));
  return state;
}

function flags(certificate: string, ca: string | undefined, state: string): string[] {
  const pair = [
    '--nats-tls-cert',
    join(folder, `${certificate}.pem`),
    '--nats-tls-key',
    join(folder, `${certificate}.key`),
  ];
  return [...pair, ...(ca === undefined ? [] : ['--nats-ca', join(folder, `${ca}.pem`)]), '--state', state];
}

const simulated = ['--hypervisor', 'simulated', '--nats-port', '0'];

it('encrypts, for clients that know who has signed the certificate, and only for those', async () => {
  const state = await newState();
  await using cloud = startKilonova(['up', ...simulated, ...flags('server', 'ours', state)]);
  await cloud.says(/Ctrl-C stops the cloud/);
  const list = async (...words: string[]) => {
    const command = startKilonova(['flavor', 'list', '--state', state, ...words]);
    return { code: await command.ended, output: command.stdout(), error: command.stderr() };
  };
  const good = await list('--nats-ca', join(folder, 'ours.pem'));
  expect(good).toMatchObject({ code: 0, error: '' });
  expect(good.output).toContain('m1.micro');
  const wrongs = [await list('--nats-ca', join(folder, 'theirs.pem')), await list()];
  for (const { code, output, error } of wrongs) {
    expect({ code, output }).toEqual({ code: 5, output: '' });
    expect(error).toContain('--nats-ca names who has to have signed its certificate');
  }
  cloud.kill('SIGTERM');
  expect(await cloud.ended).toBe(0);
});

it('goes to no server that does not encrypt, when it was told who signs certificates', async () => {
  const state = await newState();
  await using cloud = startKilonova(['up', ...simulated, '--state', state]);
  await cloud.says(/Ctrl-C stops the cloud/);
  const command = startKilonova(['flavor', 'list', '--state', state, '--nats-ca', join(folder, 'ours.pem')]);
  expect(await command.ended).toBe(5);
  expect(command.stderr()).toMatch(/does not support 'tls'/);
  cloud.kill('SIGTERM');
  expect(await cloud.ended).toBe(0);
});

it.each([
  ['whose certificate is of another address', 'elsewhere', 'ours'],
  ['that somebody else has vouched for', 'server', 'theirs'],
])('does not start with a server of its own %s', async (_, certificate, ca) => {
  await using cloud = startKilonova(['up', ...simulated, ...flags(certificate, ca, await newState())]);
  expect(await cloud.ended).toBe(5);
  expect(cloud.stderr()).toContain('--nats-ca names who has to have signed its certificate');
});

it('wants certificate and key together, and says when they cannot be read', async () => {
  const state = await newState();
  await using half = startKilonova([
    'up',
    ...simulated,
    '--nats-tls-cert',
    join(folder, 'server.pem'),
    '--state',
    state,
  ]);
  expect(await half.ended).toBe(2);
  expect(half.stderr()).toContain('--nats-tls-cert and --nats-tls-key go together');
  await using none = startKilonova(['up', ...simulated, ...flags('nothing', undefined, state)]);
  expect(await none.ended).toBe(2);
  expect(none.stderr()).toContain('nothing.pem');
  expect(await readFile(join(folder, 'server.key'), 'utf8')).toContain('PRIVATE KEY');
});
