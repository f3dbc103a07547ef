import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { openShell, type Shell } from './support.ts';

let cloud: TestCloud;
let shell: Shell;
const launch = ['--image', 'simulated', '--flavor', 'm1.micro'];

beforeEach(async () => {
  cloud = await startTestCloud();
  shell = await openShell({ KILONOVA_NATS_URL: cloud.url, KILONOVA_TOKEN: cloud.token });
});

afterEach(async () => {
  await shell[Symbol.asyncDispose]();
  await cloud.stop();
});

async function running(name: string): Promise<InstanceView> {
  const { uuid } = await cloud.create({ name });
  return cloud.until(uuid, ({ vmState }) => vmState === 'active');
}

describe('instance create', () => {
  it('waits, shows each state with its time, and prints what there is then', async () => {
    const { code, stdout, stderr } = await shell.kilonova('instance', 'create', 'web', ...launch, '--wait');
    expect(code, stderr).toBe(0);
    const states = stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^ +(\d+ ms {2})?/, ''));
    expect(states).toEqual([
      'scheduling',
      'building.checking on host1',
      'building.claiming on host1',
      'networking',
      'mapping',
      'spawning.preparingFilter',
      'spawning.creatingDisks',
      'spawning.creatingDomain',
      'spawning.enablingHairpin',
      'spawning.applyingFilter',
      'spawning.waitingForBoot',
      'running',
    ]);
    expect(stdout).toMatch(/^name +web$/m);
    expect(stdout).toMatch(/^vmState +active$/m);
    expect(stdout).toMatch(/^createdAt +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(\d+ s ago\)$/m);
  });

  it('prints the API’s own objects as JSON, and nothing else', async () => {
    const { code, stdout, stderr } = await shell.kilonova('instance', 'create', 'web', ...launch, '--wait', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [instance] = JSON.parse(stdout) as InstanceView[];
    expect((await cloud.client.ask(api.instance.get, { uuid: instance?.uuid ?? '' })).instance).toEqual(instance);
  });

  it('ends with 1 and the reason when no host will have it', async () => {
    const words = ['instance', 'create', 'huge', '--image', 'simulated', '--flavor', 'huge', '--wait'];
    await shell.kilonova('flavor', 'create', 'huge', '--vcpus', '8', '--memory-mb', '40000', '--root-gb', '900000');
    const { code, stdout, stderr } = await shell.kilonova(...words);
    expect(code, stderr).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^kilonova: no_valid_host: huge \([0-9a-f-]{36}\) failed while scheduling: /m);
    const deleted = await shell.kilonova('instance', 'delete', 'huge', '--wait');
    expect(deleted).toMatchObject({ code: 0, stderr: expect.not.stringContaining('✗') });
  });

  it('ends with 5 when the time is up, and says where it stands', async () => {
    const release = cloud.hypervisors.get('host1')?.hang('createDomain');
    const { code, stderr } = await shell.kilonova('instance', 'create', 'slow', ...launch, '--wait', '--timeout', '1');
    expect(code, stderr).toBe(5);
    expect(stderr).toMatch(/timeout: slow \([0-9a-f-]{36}\) is still spawning\.creatingDomain after 1 s/);
    release?.();
  });

  it('puts files, user data and the password on the guest without showing them', async () => {
    await writeFile(join(shell.folder, 'motd'), 'hello');
    await writeFile(join(shell.folder, 'secret'), 'pass-word\nnot this\n');
    const files = ['--file', '/etc/motd=motd', '--user-data', '-', '--admin-password-file', 'secret'];
    const { code, stdout, stderr } = await shell.bash(
      `echo '#!/bin/sh' | kilonova instance create web ${[...launch, ...files].join(' ')} --wait --json`,
    );
    expect(code, stderr).toBe(0);
    const [{ uuid = '' } = {}] = JSON.parse(stdout) as Partial<InstanceView>[];
    const payload = await (await cloud.runtime.store.bucket('payload')).get(uuid);
    expect(payload?.value).toEqual({
      adminPassword: 'pass-word',
      userData: Buffer.from('#!/bin/sh\n').toString('base64'),
      files: [{ path: '/etc/motd', contents: Buffer.from('hello').toString('base64') }],
    });
    expect(stdout + stderr).not.toContain('pass-word');
  });

  it('asks for an address in a network, and for the company of another instance', async () => {
    const first = await running('first');
    const words = ['--network', 'default:10.20.0.77', '--same-host', 'first', '--tag', 'a', '--tag', 'b'];
    const { code, stdout, stderr } = await shell.kilonova(
      'instance',
      'create',
      'second',
      ...launch,
      ...words,
      '--wait',
      '--json',
    );
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([
      { host: first.host, tags: ['a', 'b'], ports: [{ addresses: ['10.20.0.77'] }] },
    ]);
  });
});

describe('an instance', () => {
  it('is found by its name or its uuid', async () => {
    const { uuid } = await running('web');
    for (const name of ['web', uuid]) {
      expect((await shell.kilonova('instance', 'show', name, '-q')).stdout).toBe(`${uuid}\n`);
    }
  });

  it('has to be named by its uuid when another has its name', async () => {
    const uuids = [(await running('web')).uuid, (await running('web')).uuid];
    const { code, stderr } = await shell.kilonova('instance', 'delete', 'web');
    expect(code).toBe(1);
    expect(stderr).toContain('conflict: there are 2 instances named "web"; name one by its uuid: ');
    for (const uuid of uuids) expect(stderr).toContain(uuid);
  });

  it('goes through its life by commands that wait', async () => {
    const { uuid } = await running('web');
    const life = [
      ['stop', 'stopped'],
      ['start', 'active'],
      ['pause', 'paused'],
      ['unpause', 'active'],
      ['suspend', 'suspended'],
      ['resume', 'active'],
      ['delete', 'deleted'],
    ];
    for (const [verb = '', vmState] of life) {
      const { code, stdout, stderr } = await shell.kilonova('instance', verb, uuid, '--wait', '--json');
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ uuid, vmState });
    }
  });

  it('is given metadata by name, or has it taken away, and keeps what is not named', async () => {
    await cloud.create({ name: 'told', metadata: { role: 'web', tier: 'front', stage: 'test' } });
    const words = ['--metadata', 'role=db', '--metadata', 'owner=mary', '--unset-metadata', 'tier', '--json'];
    const { stdout } = await shell.kilonova('instance', 'update', 'told', ...words);
    expect((JSON.parse(stdout) as InstanceView).metadata).toEqual({ role: 'db', stage: 'test', owner: 'mary' });
  });

  it('that goes back to where it was has failed', async () => {
    const { host = '' } = await running('web');
    cloud.hypervisors.get(host)?.failNext('stop');
    const { code, stderr } = await shell.kilonova('instance', 'stop', 'web', '--wait');
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(/kilonova: \w+: web \([0-9a-f-]{36}\) failed while powering: /);
  });
});

describe('several instances', () => {
  it('are told at once, and the one that is not there does not keep the others from it', async () => {
    await Promise.all(['a', 'b'].map(running));
    const { code, stdout, stderr } = await shell.kilonova('instance', 'delete', 'a', 'nobody', 'b', '--wait');
    expect(code).toBe(3);
    expect(stdout.match(/ deleted /g)).toHaveLength(2);
    expect(stderr).toMatch(/^ +a: deleted$/m);
    expect(stderr).toMatch(/^ +b: deleted$/m);
    expect(stderr).toContain('not_found: there is no instance "nobody"');
    expect((await cloud.client.ask(api.instance.list, {})).instances).toEqual([]);
  });
});

describe('instance list', () => {
  it('is a table of what people ask for first, without colours in a pipe', async () => {
    const { uuid, ports, host } = await running('日本');
    const { stdout } = await shell.kilonova('instance', 'list');
    const [header = '', line = ''] = stdout.split('\n');
    expect(header).toMatch(/^NAME {2}UUID +VM STATE {2}TASK STATE {2}LOCKED BY {2}ADDRESSES +FLAVOR +HOST +CREATED$/);
    expect(line).toContain(`日本  ${uuid}  active    -           -          ${ports[0]?.addresses[0]}`);
    expect(line).toContain(`m1.micro  ${host}  `);
    expect(stdout).not.toContain('\u001b');
    expect((await shell.kilonova('instance', 'lock', uuid)).stdout).toMatch(/ {2}active {4}- {11}(owner|admin) /);
  });

  it('shows the columns that are asked for, or uuids alone, or an array', async () => {
    const { uuid } = await running('web');
    expect((await shell.kilonova('instance', 'list', '--columns', 'name,flavor.vcpus')).stdout).toBe(
      'NAME  VCPUS\nweb   1\n',
    );
    expect((await shell.kilonova('instance', 'list', '-q')).stdout).toBe(`${uuid}\n`);
    const { instances } = await cloud.client.ask(api.instance.list, {});
    expect(JSON.parse((await shell.kilonova('instance', 'list', '--json')).stdout)).toEqual(instances);
  });

  it('filters, and goes through all pages', async () => {
    await Promise.all(['a', 'b', 'c'].map(running));
    expect((await shell.kilonova('instance', 'list', '--name-contains', 'B', '-q')).stdout.trim()).toMatch(/^\S{36}$/);
    expect((await shell.kilonova('instance', 'list', '--limit', '2', '-q')).stdout.trim().split('\n')).toHaveLength(2);
    expect((await shell.kilonova('instance', 'list', '--sort-by', 'name', '--columns', 'name')).stdout).toBe(
      'NAME\nc\nb\na\n',
    );
    expect((await shell.kilonova('instance', 'list', '--changed-since', '2030-01-01', '--json')).stdout).toBe('[]\n');
  });
});
