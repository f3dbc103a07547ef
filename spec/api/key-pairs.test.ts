import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

const run = promisify(execFile);

let cloud: TestCloud;
let client: ApiClient;
let folder: string;
beforeAll(async () => {
  cloud = await startTestCloud();
  client = await cloud.createUser('keys');
  folder = await mkdtemp(join(tmpdir(), 'kilonova-keys-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await cloud.stop();
});

const create = (name: string, publicKey?: string) =>
  client.ask(api.keyPair.create, { name, ...(publicKey !== undefined && { publicKey }) });

/** Type and blob, without the comment. */
const withoutComment = (publicKey: string) => publicKey.trim().split(' ').slice(0, 2).join(' ');

async function generate(type: string, bits: number): Promise<string> {
  const file = join(folder, `${type}-${bits}`);
  await run('ssh-keygen', ['-q', '-t', type, '-b', String(bits), '-N', '', '-C', 'me@home', '-f', file]);
  return readFile(`${file}.pub`, 'utf8');
}

async function fingerprintOf(publicKey: string): Promise<string> {
  const file = join(folder, 'fingerprint.pub');
  await writeFile(file, `${publicKey}\n`);
  return (await run('ssh-keygen', ['-l', '-E', 'sha256', '-f', file])).stdout.split(' ')[1] ?? '';
}

describe('a key pair that is made', () => {
  it('has a private key that ssh can use, and that belongs to the public one', async () => {
    const { keyPair, privateKey = '' } = await create('made');
    const file = join(folder, 'made');
    await writeFile(file, privateKey, { mode: 0o600 });
    const { stdout } = await run('ssh-keygen', ['-y', '-f', file]);
    expect(withoutComment(stdout)).toBe(withoutComment(keyPair.publicKey));
    expect(keyPair.fingerprint).toBe(await fingerprintOf(keyPair.publicKey));

    await writeFile(join(folder, 'text'), 'text');
    await run('ssh-keygen', ['-q', '-Y', 'sign', '-n', 'file', '-f', file, join(folder, 'text')]);
  });

  it('is not the same as another', async () => {
    const [one, two] = await Promise.all([create('one'), create('two')]);
    expect(one.keyPair.publicKey).not.toBe(two.keyPair.publicKey);
  });
});

describe('a public key that is imported', () => {
  it.each([
    ['rsa', 2048],
    ['rsa', 4096],
    ['ecdsa', 256],
    ['ecdsa', 521],
    ['ed25519', 256],
  ])('is kept as it is, with its comment: %s of %i bits', async (type, bits) => {
    const publicKey = await generate(type, bits);
    const { keyPair, privateKey } = await create(`${type} ${bits}`, publicKey);
    expect(privateKey).toBeUndefined();
    expect(keyPair.publicKey).toBe(publicKey.trim());
    expect(keyPair.fingerprint).toBe(await fingerprintOf(publicKey));
  });

  it('needs no comment, and is given one', async () => {
    const publicKey = withoutComment(await generate('ed25519', 257));
    const { keyPair } = await create('no comment', publicKey);
    expect(keyPair.publicKey).toMatch(/ \S+@keys$/);
    expect(withoutComment(keyPair.publicKey)).toBe(publicKey);
  });

  it('is one line whatever its comment was: it ends up in a guest’s authorized_keys', async () => {
    const publicKey = withoutComment(await generate('ed25519', 258));
    let number = 0;
    for (const comment of ['a\n', 'a\r', 'a\u0000b', 'a\u001b[2J', 'a\u2028b', 'x'.repeat(15_000), '\u{1f4a5}']) {
      const name = `comment ${number++}`;
      const outcome = await create(name, `${publicKey} ${comment}`).catch((error) => error.failure);
      if (outcome.code) expect(outcome).toMatchObject({ code: 'invalid_request', details: { field: '/publicKey' } });
      else expect(outcome.keyPair.publicKey).toMatch(/^[\x20-\x7e\u00a0-\u2027\u202a-\u{10ffff}]+$/u);
    }
  });

  it.each([
    ['nothing like it', 'garbage'],
    ['a type alone', 'ssh-ed25519'],
    ['a broken blob', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA'],
    ['a blob of another type', 'ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIEpQuhwWz9gGFTxzCY8a3yYgkP6rX2cLqQ1h4TSVaC7E'],
    ['options before the key', 'command="reboot" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEpQuhwWz9gGFTxzCY8a3yYgkP6rX2cL'],
    ['a PEM', '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----'],
    ['much garbage', 'A'.repeat(16_384)],
    ['control characters', '\u0000\u0001\u0002'],
  ])('is refused when it is none: %s', async (what, publicKey) => {
    await expect(create(what, publicKey)).rejects.toMatchObject({
      failure: { code: 'invalid_request', details: { field: '/publicKey' } },
    });
  });

  it('is refused when it is several, or a private one', async () => {
    const [one, two] = [await generate('ed25519', 259), await generate('ed25519', 260)];
    const secret = await readFile(join(folder, 'ed25519-259'), 'utf8');
    for (const text of [one + two, secret]) {
      const failure = await create('several', text).catch((error) => error.failure);
      expect(failure).toMatchObject({ code: 'invalid_request', details: { field: '/publicKey' } });
      expect(JSON.stringify(failure)).not.toContain(secret.split('\n')[1]);
    }
  });
});

describe('the key pairs of a user', () => {
  it('have a name each: of many who want one at once, one gets it', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => create('wanted')));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(7);
    for (const { reason } of refused)
      expect(reason.failure).toMatchObject({ code: 'already_exists', details: { field: '/name' } });
  });

  it('are not taken for deleted by an API server that has not seen them yet', async () => {
    const keyPairs = await cloud.runtime.store.bucket('keyPair');
    const view = await cloud.runtime.store.view('keyPair');
    const { keyPair } = await create('late');
    const record = { ...keyPair, projectId: 'keys', userId: 'nobody', createdAt: 0 };
    const next = view.revision + 1;
    const order: string[] = [];
    const left = view.left('keys.nobody.late', next).then(() => order.push('left'));
    expect(await keyPairs.put('keys.nobody.late', record)).toBe(next);
    await view.reached(next);
    order.push('seen');
    await keyPairs.remove('keys.nobody.late');
    await left;
    expect(order).toEqual(['seen', 'left']);
  });

  it('show their own writes at once', async () => {
    const names = async () => (await client.ask(api.keyPair.list, {})).keyPairs.map(({ name }) => name);
    for (const name of ['a', 'Ünïcode \u{1f4a5}', 'a.b > c*', 'x'.repeat(255), '\u{1f4a5}'.repeat(127)]) {
      await create(name);
      expect(await names()).toContain(name);
      await client.ask(api.keyPair.delete, { name });
      expect(await names()).not.toContain(name);
      await expect(client.ask(api.keyPair.delete, { name })).rejects.toMatchObject({
        failure: { code: 'not_found', details: { field: '/name' } },
      });
      await create(name);
      expect(await names()).toContain(name);
    }
  });

  it('reach the guest, which keeps them when they are deleted', async () => {
    const { keyPair } = await create('guest');
    const { uuid } = await cloud.create({ keyName: 'guest' }, client);
    await client.ask(api.keyPair.delete, { name: 'guest' });
    expect(await cloud.until(uuid, ({ state }) => state === 'running')).toMatchObject({ keyName: 'guest' });
    const { output } = await client.ask(api.instance.consoleLog, { uuid });
    expect(output).toContain(withoutComment(keyPair.publicKey).split(' ')[1]?.slice(0, 20) ?? '');
  });
});
