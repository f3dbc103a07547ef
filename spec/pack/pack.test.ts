/** What `npm pack` makes, installed into an empty folder as somebody else would, and run there. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** npm asks the registry, on a machine that runs other tests too. */
const npmMs = 240_000;

let folder: string;
let installed: string;
let packed: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kilonova-pack-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], root);
  // What prepack says comes before.
  const [made] = JSON.parse(stdout.slice(stdout.indexOf('['))) as { filename: string; files: { path: string }[] }[];
  packed = made?.files.map(({ path }) => path) ?? [];
  installed = join(folder, 'somewhere');
  await mkdir(installed);
  await writeFile(join(installed, 'package.json'), '{ "private": true }');
  const options = ['--no-audit', '--no-fund', '--loglevel=error'];
  await run('npm', ['install', ...options, join(folder, made?.filename ?? '')], installed);
}, npmMs);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the package', () => {
  it('holds the program and what it needs, without tests and sources', () => {
    const others = packed.filter(
      (path) => !/^\.dist\/(machines|actors|transport)\/.+\.js$|^\.dashboard\/assets\//.test(path),
    );
    const document = '.dist/transport/reference/asyncapi.json';
    expect(others.toSorted()).toEqual([
      '.dashboard/.built-of',
      '.dashboard/index.html',
      document,
      'LICENSE',
      'README.md',
      'package.json',
    ]);
    expect(packed).toContain('.dist/transport/cli/main.js');
    expect(packed.filter((path) => /test\.js$|spec\//.test(path))).toEqual([]);
  });

  it('says how it is used', async () => {
    const { stdout } = await kilonova('--help');
    expect(stdout).toContain('Usage: kilonova');
    for (const command of ['up', 'api', 'controller', 'scheduler', 'network', 'compute', 'web']) {
      expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    }
  });

  it('says its version', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    expect((await kilonova('--version')).stdout).toBe(`${version}\n`);
  });

  it('launches an instance through a whole cloud', { timeout: 60_000 }, async () => {
    const state = join(folder, 'state');
    const { stdout } = await kilonova(
      ...['up', '--once', '--hypervisor', 'simulated', '--state', state, '--nats-port', '0'],
    );
    expect(stdout).toContain('✓ the cloud is up');
    expect(stdout).toMatch(/^ +running$/m);
    expect(stdout).toMatch(/^ +deleted$/m);
  });

  it('serves the pages of the dashboard', { timeout: 60_000 }, async () => {
    const state = join(folder, 'served');
    const words = ['up', '--hypervisor', 'simulated', '--state', state, '--nats-port', '0', '--http-port', '0'];
    const cloud = spawn(program(), words, { cwd: installed, env: environment(), stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(async () => {
      if (cloud.exitCode !== null) return;
      cloud.kill('SIGTERM');
      await once(cloud, 'exit');
    });
    let url: string | undefined;
    for await (const line of createInterface(cloud.stdout)) {
      [, url] = /in a browser: (\S+)/.exec(line) ?? [];
      if (url) break;
    }
    const page = await (await fetch(url ?? '', { headers: { accept: 'text/html' } })).text();
    const [, script = ''] = /<script type="module"[^>]* src="([^"]+)"/.exec(page) ?? [];
    const answer = await fetch(new URL(script, url));
    expect(answer.headers.get('content-type')).toMatch(/javascript/);
    expect((await answer.text()).length).toBeGreaterThan(1000);
  });
});

function kilonova(...args: string[]) {
  return run(program(), args, installed);
}

function program(): string {
  return join(installed, 'node_modules', '.bin', 'kilonova');
}

/** Rejects when it ends with another code than 0. */
function run(command: string, args: string[], cwd: string) {
  const options = { cwd, env: environment(), timeout: npmMs, maxBuffer: 16 * 1024 * 1024 };
  return promisify(execFile)(command, args, options);
}

/** With this Node first on the path, and nothing that npm told us. */
function environment() {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|KILONOVA_)/i.test(name));
  return { ...Object.fromEntries(kept), PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) };
}
