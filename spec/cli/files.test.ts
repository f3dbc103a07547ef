import { createHash } from 'node:crypto';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageView } from '../../transport/messages/api/image.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { openShell, type Shell } from './support.ts';

let cloud: TestCloud;
let shell: Shell;

beforeAll(async () => {
  cloud = await startTestCloud();
  shell = await openShell({ KILONOVA_NATS_URL: cloud.url, KILONOVA_TOKEN: cloud.token });
});

afterAll(async () => {
  await shell[Symbol.asyncDispose]();
  await cloud.stop();
});

describe('image create', () => {
  it('uploads files of any size, which arrive as they are', async () => {
    const disk = Buffer.alloc(1_500_000, 'a disk, ');
    const kernel = Buffer.from('a kernel');
    await writeFile(join(shell.folder, 'disk'), disk);
    await writeFile(join(shell.folder, 'kernel'), kernel);
    const words = ['--disk-format', 'raw', '--disk', 'disk', '--kernel', 'kernel', '--property', 'architecture=x86_64'];
    const { code, stdout, stderr } = await shell.kilonova('image', 'create', 'mine', ...words);
    expect(code, stderr).toBe(0);
    expect(stderr).toBe('  disk: 1.4 MiB uploaded\n  kernel: 8 B uploaded\n');
    expect(stdout).toMatch(/^status +active$/m);
    const { image } = await cloud.client.ask(api.image.get, { image: 'mine' });
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(image).toMatchObject({
      status: 'active',
      disk: { sha256: digest(disk), size: disk.length },
      kernel: { sha256: digest(kernel), size: kernel.length },
      properties: { architecture: 'x86_64' },
    });
  });

  it('uploads nothing that the cloud has already', async () => {
    await writeFile(join(shell.folder, 'disk'), Buffer.alloc(1_500_000, 'a disk, '));
    const words = ['image', 'create', 'again', '--disk-format', 'raw', '--disk', 'disk'];
    const { code, stdout, stderr } = await shell.kilonova(...words, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout) as ImageView).toMatchObject({ name: 'again', status: 'active', missing: [] });
    const quietly = await shell.kilonova(...words.with(2, 'quiet'), '-q');
    expect(quietly).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/), stderr: '' });
  });

  it('refuses a file with nothing in it, before anything is made', async () => {
    const words = ['image', 'create', 'empty', '--disk-format', 'raw', '--disk', '/dev/null'];
    const { code, stderr } = await shell.kilonova(...words);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'kilonova: invalid_request: --disk is an empty file: /dev/null\n',
    });
    await expect(cloud.client.ask(api.image.get, { image: 'empty' })).rejects.toMatchObject({
      failure: { code: 'not_found' },
    });
  });

  it('says which file cannot be read, before anything is made', async () => {
    const { code, stderr } = await shell.kilonova(
      'image',
      'create',
      'none',
      '--disk-format',
      'raw',
      '--disk',
      'nowhere',
    );
    expect(code).toBe(2);
    expect(stderr).toContain('invalid_request: --disk cannot be read: ENOENT');
    expect((await shell.kilonova('image', 'show', 'none')).code).toBe(3);
  });
});

describe('keypair create', () => {
  it('prints the private key, which is the one of the pair', async () => {
    const { code, stdout, stderr } = await shell.bash(
      'kilonova keypair create printed > key && chmod 600 key && ssh-keygen -y -f key',
    );
    expect(code, stderr).toBe(0);
    const { keyPair } = await cloud.client.ask(api.keyPair.get, { name: 'printed' });
    expect(keyPair.publicKey.startsWith(stdout.trim().split(' ').slice(0, 2).join(' '))).toBe(true);
  });

  it('writes it to a file that nobody else can read', async () => {
    const { code, stdout } = await shell.kilonova('keypair', 'create', 'written', '--output', 'written.pem');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^fingerprint +SHA256:/m);
    expect(stdout).not.toContain('PRIVATE KEY');
    const path = join(shell.folder, 'written.pem');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toContain('PRIVATE KEY');
  });

  it('overwrites nothing, and then makes no pair', async () => {
    await writeFile(join(shell.folder, 'precious.pem'), 'precious');
    const { code, stderr } = await shell.kilonova('keypair', 'create', 'careless', '--output', 'precious.pem');
    expect(code).toBe(1);
    expect(stderr).toBe('kilonova: already_exists: precious.pem is there already, and is not overwritten\n');
    expect(await readFile(join(shell.folder, 'precious.pem'), 'utf8')).toBe('precious');
    expect((await shell.kilonova('keypair', 'show', 'careless')).code).toBe(3);
  });

  it('leaves no empty file when the cloud refuses', async () => {
    await cloud.client.ask(api.keyPair.create, { name: 'taken' });
    const { code } = await shell.kilonova('keypair', 'create', 'taken', '--output', 'taken.pem');
    expect(code).toBe(1);
    await expect(stat(join(shell.folder, 'taken.pem'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('imports a public key from a file', async () => {
    const { code, stdout, stderr } = await shell.bash(
      `ssh-keygen -q -t ed25519 -N '' -f own && kilonova keypair create own --public-key own.pub --json`,
    );
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'own', publicKey: expect.stringContaining('ssh-ed25519 ') });
  });
});

describe('a token', () => {
  it('is read from a file', async () => {
    const path = join(shell.folder, 'token');
    await writeFile(path, `${cloud.token}\n`);
    await chmod(path, 0o600);
    await using other = await openShell({ KILONOVA_NATS_URL: cloud.url, KILONOVA_TOKEN_FILE: path });
    expect((await other.kilonova('token', 'show')).stdout).toMatch(/^userId +admin$/m);
  });

  it('of a flag is stronger than one of the environment', async () => {
    const path = join(shell.folder, 'wrong-token');
    await writeFile(path, 'wrong\n');
    expect((await shell.kilonova('token', 'show', '--token-file', path)).code).toBe(4);
  });

  it('that is made shows its secret once, and works until it is revoked', async () => {
    const { stdout } = await shell.kilonova('token', 'create', '--expires-in', '1h', '--json');
    const { secret, token } = JSON.parse(stdout) as { secret: string; token: { id: string } };
    expect((await shell.kilonova('token', 'show', '--token', secret, '-q')).stdout).toBe(`${token.id}\n`);
    expect((await shell.kilonova('token', 'list')).stdout).not.toContain(secret);
    const { stdout: another } = await shell.kilonova('token', 'create', '-q');
    expect((await shell.kilonova('token', 'show', '--token', another.trim())).code).toBe(0);
    expect((await shell.kilonova('token', 'revoke', token.id)).stdout).toBe(`revoked ${token.id}\n`);
    expect((await shell.kilonova('token', 'show', '--token', secret)).code).toBe(4);
  });
});
