/** Who connects stands in the URL: a server that asks for it is told, and nobody else. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startNatsServer } from '../../actors/setup/nats-server.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { connectionOf, shownUrls } from '../../transport/nats/server-urls.ts';

async function startServer(authorization: string): Promise<string> {
  const stateDir = await mkdtemp(join(tmpdir(), 'kilonova-nats-'));
  onTestFinished(() => rm(stateDir, { recursive: true, force: true }));
  const server = await startNatsServer({ stateDir, port: 0, extraConfig: `authorization { ${authorization} }` });
  onTestFinished(() => server.stop());
  return server.url.slice('nats://'.length);
}

describe('who stands in a URL', () => {
  it.each([
    ['user: "b@b", password: "p/w:x"', 'b%40b:p%2Fw:x'],
    ['token: "a token"', 'a%20token'],
  ])('is let in where %s is asked for', async (authorization, who) => {
    const address = await startServer(authorization);
    const bus = await connectBus({ url: `nats://${who}@${address}`, name: 'test' });
    await bus.close();
    await expect(connectBus({ url: `nats://${address}`, name: 'test' })).rejects.toThrow(/authorization/i);
  });

  it('is found wherever it stands among several', () => {
    expect(connectionOf('one:4222,nats://bob:100%@two:4222,three')).toEqual({
      servers: ['one:4222', 'nats://two:4222', 'three'],
      user: 'bob',
      pass: '100%',
    });
  });

  it.each([
    ['nats://127.0.0.1:4222', 'nats://127.0.0.1:4222'],
    ['one,two:4223', 'one,two:4223'],
    ['nats://bob:secret@one:4222,tls://bob:secret@two', 'nats://••••@one:4222,tls://••••@two'],
    ['secret@one', '••••@one'],
    ['nats://bob:s/e,c@r e:t@one', 'nats://••••@one'],
  ])('is not shown: of %s is left %s', (url, shown) => {
    expect(shownUrls(url)).toBe(shown);
  });
});
