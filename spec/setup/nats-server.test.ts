/**
 * A nats-server of our own: real processes, real ports, a folder for each test.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import { expect, onTestFinished, test } from 'vitest';
import { BusAuthority } from '../../actors/identity/bus-authority.ts';
import { type NatsServerOptions, startNatsServer } from '../../actors/setup/nats-server.ts';
import { findProgram } from '../../actors/setup/try-command.ts';
import { FailureError } from '../../machines/failure.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { startTestNats } from '../support/nats.ts';
import { mayMount, mountSmallDisk } from '../support/small-disk.ts';

const modulePath = new URL('../../actors/setup/nats-server.ts', import.meta.url).href;

test('takes connections and keeps streams across a restart', async () => {
  const stateDir = await folder();
  const port = await freePort();
  for (const isFirst of [true, false]) {
    const server = await start({ stateDir, port });
    expect(server.url).toBe(`nats://127.0.0.1:${port}`);
    const client = await connect({ servers: server.url });
    expect(client.info?.version).toBe(server.version);
    const manager = await jetstreamManager(client);
    if (isFirst) await manager.streams.add({ name: 'kept', subjects: ['kept.>'] });
    expect((await manager.streams.info('kept')).config.subjects).toEqual(['kept.>']);
    await client.close();
    await server.stop();
    expect(isAlive(server.pid)).toBe(false);
  }
});

test('refuses a demanded port that is taken', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const error = await start({ stateDir: await folder(), port }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FailureError);
  expect((error as FailureError).failure).toMatchObject({
    code: 'conflict',
    message: `port ${port} of 127.0.0.1 is taken by another program`,
  });
});

test('says which folder it cannot be run in', async () => {
  const stateDir = await folder();
  await writeFile(join(stateDir, 'nats'), 'no folder');
  await expect(start({ stateDir, port: 0 })).rejects.toThrow(`unavailable: nats-server cannot be run in ${stateDir}`);
});

test.runIf(mayMount)('leaves nothing on a disk that is full, and says where that is', async () => {
  await using disk = await mountSmallDisk(256 * 1024);
  const { folder: stateDir } = disk;
  const keys = join(stateDir, 'bus-keys.json');
  await disk.fill();
  const before = await readdir(stateDir);
  const world = { clock: systemClock, chance: systemChance };
  await expect(BusAuthority.open(keys, world)).rejects.toThrow(
    `unavailable: the keys of the bus cannot be written to ${keys}`,
  );
  await expect(start({ stateDir, port: 0 })).rejects.toThrow(`unavailable: nats-server cannot be run in ${stateDir}`);
  expect((await readdir(stateDir)).filter((name) => name !== 'nats')).toEqual(before);
});

test('takes another port when nobody demanded one and the usual one is taken', async () => {
  const one = await start({ stateDir: await folder() });
  const other = await start({ stateDir: await folder() });
  expect(other.url).not.toBe(one.url);
  expect(isAlive(one.pid)).toBe(true);
});

test('refuses a second server on one folder, and leaves the first alone', async () => {
  const stateDir = await folder();
  const first = await start({ stateDir, port: 0 });
  const configuration = await readFile(join(stateDir, 'nats-server.conf'), 'utf8');
  await expect(start({ stateDir, port: 0 })).rejects.toThrow(
    `conflict: another nats-server (process ${first.pid}) runs on ${stateDir}`,
  );
  expect(await readFile(join(stateDir, 'nats-server.conf'), 'utf8')).toBe(configuration);
  const client = await connect({ servers: first.url });
  await client.close();
});

test('starts again on a folder whose server was killed', async () => {
  const stateDir = await folder();
  const first = await start({ stateDir, port: 0 });
  process.kill(first.pid, 'SIGKILL');
  expect(await first.ended).toBe('nats-server was killed by SIGKILL');
  const second = await start({ stateDir, port: 0 });
  expect(isAlive(second.pid)).toBe(true);
});

test('says what the log says when the server dies at its start', async () => {
  await expect(start({ stateDir: await folder(), port: 0, extraConfig: 'max_payload: nonsense' })).rejects.toThrow(
    /nats-server ended with code 1; its log says:\nnats-server: .*nats-server\.conf:10/,
  );
});

test('refuses to flush as asked with a server that cannot be told to, and says which can', async () => {
  const restore = await pretend('2.9.99');
  onTestFinished(restore);
  await expect(start({ stateDir: await folder(), port: 0, sync: 'always' })).rejects.toThrow(
    'unsupported: to flush to the disk as asked (always) needs nats-server 2.10 or newer, and this one is 2.9.99',
  );
});

test('tells a server that can be told to flush as asked', async () => {
  const restore = await pretend('2.10.0');
  onTestFinished(restore);
  const stateDir = await folder();
  // It is not what it says that it is, and refuses the setting by its name.
  await start({ stateDir, port: 0, sync: '10s', maxStore: 1024 ** 3 }).catch(() => undefined);
  expect(await readFile(join(stateDir, 'nats-server.conf'), 'utf8')).toContain(
    `jetstream: { store_dir: "${join(stateDir, 'nats')}", max_file_store: 1073741824, sync_interval: "10s" }`,
  );
});

test('takes messages as large as it was told to', async () => {
  const server = await start({ stateDir: await folder(), port: 0, maxPayload: 8 * 1024 * 1024 });
  const client = await connect({ servers: server.url });
  expect(client.info?.max_payload).toBe(8 * 1024 * 1024);
  await client.close();
});

test('ends when the process that started it is killed', async () => {
  const stateDir = await folder();
  const script = join(stateDir, 'parent.ts');
  await writeFile(
    script,
    `import { startNatsServer } from ${JSON.stringify(modulePath)};
const server = await startNatsServer({ stateDir: ${JSON.stringify(stateDir)}, port: 0 });
console.log(server.pid);
setInterval(() => {}, 1000);
`,
  );
  const parent = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(parent.stdout.setEncoding('utf8'), 'data')) as [string];
  const pid = Number(line);
  expect(isAlive(pid)).toBe(true);
  parent.kill('SIGKILL');
  await expect.poll(() => isAlive(pid), { timeout: 10_000, interval: 20 }).toBe(false);
});

test('leaves nothing behind as a fixture', async () => {
  const nats = await startTestNats();
  const client = await connect({ servers: nats.url });
  await client.close();
  await nats.stop();
  await expect(connect({ servers: nats.url, reconnect: false })).rejects.toThrow();
});

async function start(options: NatsServerOptions) {
  const server = await startNatsServer(options);
  onTestFinished(() => server.stop());
  return server;
}

/** Puts before the nats-server of the machine one that says that it is of this version. Returns what undoes that. */
async function pretend(version: string): Promise<() => void> {
  const { PATH = '' } = process.env;
  const programs = await folder();
  const real = findProgram('nats-server');
  const script = `#!/bin/sh\nif [ "$1" = --version ]; then echo "nats-server: v${version}"; else exec ${real} "$@"; fi\n`;
  await writeFile(join(programs, 'nats-server'), script, { mode: 0o755 });
  process.env.PATH = `${programs}:${PATH}`;
  return () => {
    process.env.PATH = PATH;
  };
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kilonova-nats-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** An ended process that nobody has buried yet is not alive. */
function isAlive(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    return false;
  }
}
