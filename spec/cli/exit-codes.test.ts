import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureCodes } from '../../machines/failure.ts';
import { exitCodeOf } from '../../transport/cli/exit-codes.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { openShell, type Shell } from './support.ts';

let cloud: TestCloud;
let shell: Shell;
const launch = ['--image', 'simulated', '--flavor', 'm1.micro'];

beforeAll(async () => {
  cloud = await startTestCloud();
  shell = await openShell({ KILONOVA_NATS_URL: cloud.url, KILONOVA_TOKEN: cloud.token });
});

afterAll(async () => {
  await shell[Symbol.asyncDispose]();
  await cloud.stop();
});

describe('an exit code', () => {
  it.each([
    [0, ['flavor', 'list'], ''],
    [
      1,
      ['flavor', 'create', 'again', '--id', '0', '--vcpus', '1', '--memory-mb', '1', '--root-gb', '0'],
      'already_exists: ',
    ],
    [2, ['frob'], "invalid_request: unknown command 'frob'"],
    [2, ['instance', 'frob'], "invalid_request: unknown command 'frob'"],
    [2, ['flavor', 'list', '--frob'], "invalid_request: unknown option '--frob'"],
    [2, ['instance', 'create', 'web', '--image', 'simulated'], "required option '--flavor <flavor>' not specified"],
    [2, ['instance', 'create', 'web', '--image', 'simulated', '--flavour', 'm1.micro'], "unknown option '--flavour'"],
    [
      2,
      ['--nats', 'nats://127.0.0.1:1', 'flavor', 'list'],
      "unknown option '--nats' here: it stands after the command",
    ],
    [2, ['instance', 'list', '--limit', 'many'], 'It must be a whole number from 1 to 1000'],
    [2, ['instance', 'list', '--vm-state', 'odd'], 'Allowed choices are building, active'],
    [2, ['instance', 'list', '--address', 'here'], 'invalid_request: --address must match pattern'],
    [2, ['instance', 'create', '', ...launch], 'invalid_request: argument name must not be empty\n'],
    [
      2,
      ['instance', 'create', 'web', ...launch, '--min-count', '3', '--max-count', '2'],
      'invalid_request: --min-count must not be greater than --max-count\n',
    ],
    [2, ['flavor', 'list', '--columns', 'colour'], 'invalid_request: there is no column "colour"'],
    [2, ['instance', 'create', 'web', ...launch, '--metadata', 'novalue'], 'It must be name=value'],
    [2, ['instance', 'create', 'web', ...launch, '--user-data', '/nowhere'], '--user-data cannot be read: ENOENT'],
    [2, ['instance', 'update', 'web'], 'nothing to change was given: --name, '],
    [2, ['instance', 'events', '--since', '99999999999d'], 'It must be a time in ISO 8601'],
    [
      2,
      ['instance', 'create', 'web', ...launch, '--user-data', '/dev/zero'],
      '--user-data cannot be read: it has more than',
    ],
    [3, ['instance', 'show', ''], 'not_found: there is no instance ""'],
    [3, ['instance', 'show', 'no\u001bbody'], 'not_found: there is no instance "no\\u001bbody"'],
    [3, ['instance', 'show', 'x'.repeat(300)], 'not_found: there is no instance "xxx'],
    [3, ['instance', 'show', 'nobody'], 'not_found: there is no instance "nobody"'],
    [
      3,
      ['instance', 'create', 'web', '--image', 'simulated', '--flavor', 'odd'],
      'not_found: there is no flavor "odd" (--flavor)',
    ],
    [3, ['flavor', 'show', 'odd'], '(argument flavor)'],
    [4, ['flavor', 'list', '--token', 'wrong'], 'unauthenticated: '],
    [4, ['flavor', 'list', '--token', 'two\nlines'], 'unauthenticated: '],
    [4, ['flavor', 'list', '--token-file', '/dev/null'], 'unauthenticated: '],
    [
      5,
      ['flavor', 'list', '--nats', 'nats://127.0.0.1:1'],
      'unavailable: there is no NATS for us at nats://127.0.0.1:1',
    ],
    [6, ['instance', 'create', 'many', ...launch, '--min-count', '90'], 'quota_exceeded: '],
  ] as const)('%d ends kilonova %j', async (code, words, message) => {
    const ended = await shell.kilonova(...words);
    expect(ended.stderr).toContain(message);
    expect(ended.code, ended.stderr).toBe(code);
    if (code !== 0) expect(ended.stdout).toBe('');
  });

  it('tells a token that may not from one that is none', async () => {
    await shell.kilonova('project', 'create', 'readers', '--id', 'readers');
    const { secret } = await userToken('reader', 'readers');
    const { code, stderr } = await shell.kilonova('host', 'list', '--token', secret);
    expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining('kilonova: forbidden: ') });
  });

  it('comes with a reason that others have written, which does nothing to the terminal', async () => {
    const reason = 'why\u001b[2J\u009b31m\nso';
    const { uuid } = await cloud.create({ name: 'locked' });
    await cloud.client.ask(api.instance.lock, { uuid, reason });
    const member = (await userToken('member', 'admin')).secret;
    const stopping = ['instance', 'stop', uuid, '--token', member];
    const { code, stderr } = await shell.kilonova(...stopping);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/: why \[2J 31m\nso\n$/) });
    const asJson = await shell.kilonova(...stopping, '--json');
    expect(asJson.stderr).toMatch(/^[ -~]+\n$/);
    expect(JSON.parse(asJson.stderr)).toMatchObject({ failure: { message: expect.stringContaining(reason) } });
  });

  it('says that there is no token', async () => {
    const { KILONOVA_TOKEN: _, ...environment } = shell.environment;
    await using other = await openShell(environment);
    delete other.environment.KILONOVA_TOKEN;
    const { code, stderr } = await other.kilonova('flavor', 'list');
    expect(code).toBe(4);
    expect(stderr).toContain('unauthenticated: there is no token: give --token-file or KILONOVA_TOKEN; ');
  });

  it('is there for every code of a failure', () => {
    expect(failureCodes.map(exitCodeOf).every((code) => code > 0)).toBe(true);
  });

  it('is explained by --help, of each command', async () => {
    for (const words of [['--help'], ['instance', 'delete', '--help']]) {
      const { code, stdout } = await shell.kilonova(...words);
      expect(code).toBe(0);
      expect(stdout).toContain('  3    not found');
    }
  });
});

describe('--json', () => {
  it.each([
    [3, ['flavor', 'show', 'odd', '--json'], 'not_found'],
    [2, ['flavor', 'list', '--json', '--frob'], 'invalid_request'],
    [5, ['flavor', 'list', '--json', '--nats', 'nats://127.0.0.1:1'], 'unavailable'],
  ])('makes JSON of failures too: %d of %j', async (code, words, failure) => {
    const ended = await shell.kilonova(...words);
    expect(ended.code).toBe(code);
    expect(ended.stdout).toBe('');
    expect(JSON.parse(ended.stderr)).toMatchObject({ failure: { code: failure, message: expect.any(String) } });
  });
});

/** Of a new user who has that role. */
async function userToken(role: 'member' | 'reader', project: string): Promise<{ secret: string }> {
  const { stdout } = await shell.bash(`
    kilonova user create ${role} --id ${role} -q && kilonova user grant ${role} ${role} --project ${project} -q &&
    kilonova token create --user ${role} --project ${project} --json`);
  return JSON.parse(stdout.slice(stdout.indexOf('{'))) as { secret: string };
}
