/** A nats-server that is kept in use, behind a program of that name that does not start the second time it is asked to. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'nats';
import { expect, onTestFinished, test } from 'vitest';
import { startKeptNatsServer } from '../../actors/setup/kept-nats-server.ts';
import { findProgram } from '../../actors/setup/try-command.ts';
import { type Clock, systemClock } from '../../transport/clock.ts';
import { eventually } from '../support/test-cloud.ts';

/** Looks a hundred times as often, so that it finds out soon. */
const hasty: Clock = { now: systemClock.now, after: (ms, callback) => systemClock.after(ms / 100, callback) };

test('is tried again to start anew when it did not start the first time', async () => {
  const { server, firstPid } = await keep('exit 1');
  const pid = await eventually(() => (server.pid === firstPid ? undefined : server.pid), 30_000);
  const client = await connect({ servers: server.url });
  await client.close();
  expect(pid).not.toBe(firstPid);
  expect(await Promise.race([server.ended, 'runs'])).toBe('runs');
});

test('is not waited for when it is stopped while it starts anew', async () => {
  const { server, starts } = await keep('exec sleep 60');
  await eventually(async () => (await starts()) === 2 || undefined, 30_000);
  const askedAt = Date.now();
  await server.stop();
  expect(Date.now() - askedAt).toBeLessThan(10_000);
  expect(await server.ended).toBe('nats-server was stopped');
}, 30_000);

test('is waited for no longer than is wished at its first start', async () => {
  const stopping = new AbortController();
  await pretend('exec sleep 60', 1);
  const starting = startKeptNatsServer({ stateDir: await folder(), port: 0 }, stopping.signal);
  stopping.abort(new Error('no more'));
  await expect(starting).rejects.toThrow('no more');
});

/** One that answers nothing until it is started anew, which comes to `instead` the first time. */
async function keep(instead: string) {
  const starts = await pretend(instead, 2);
  const server = await startKeptNatsServer({ stateDir: await folder(), port: 0 });
  onTestFinished(() => server.stop());
  const firstPid = server.pid;
  const endWatch = server.watch({
    clock: hasty,
    ask: async () => {
      if (server.pid === firstPid) throw new Error('no answer');
    },
    say: () => undefined,
  });
  onTestFinished(endWatch);
  return { server, firstPid, starts };
}

/** Puts before the nats-server of the machine one that does something else at one of its starts. Returns what counts them. */
async function pretend(instead: string, atStart: number): Promise<() => Promise<number>> {
  const { PATH = '' } = process.env;
  const programs = await folder();
  const script = `#!/bin/sh
echo started >> ${programs}/starts
if [ "$(wc -l < ${programs}/starts)" -eq ${atStart} ]; then ${instead}; fi
exec ${findProgram('nats-server')} "$@"
`;
  await writeFile(join(programs, 'nats-server'), script, { mode: 0o755 });
  process.env.PATH = `${programs}:${PATH}`;
  onTestFinished(() => {
    process.env.PATH = PATH;
  });
  return async () => (await readFile(join(programs, 'starts'), 'utf8')).trim().split('\n').length;
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kilonova-kept-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}
