/** What somebody sees who watches while the connection to the cloud is cut, and comes back. */
import { connect, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud } from '../support/test-cloud.ts';
import { openShell } from './support.ts';

/** A way to the server that can be cut. */
async function openWay(url: string): Promise<{ url: string; cut(): void; mend(): Promise<void> }> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect({ host: hostname, port: Number(port) });
    for (const socket of [near, far]) {
      sockets.add(socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket)));
    }
    near.pipe(far).pipe(near);
  });
  const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
  await listen(0);
  const own = (server.address() as { port: number }).port;
  onTestFinished(() => void server.close());
  return {
    url: `nats://127.0.0.1:${own}`,
    cut() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
    mend: () => listen(own),
  };
}

it('tells that the connection is lost and back, and then what happened meanwhile', async () => {
  const cloud = await startTestCloud();
  onTestFinished(() => cloud.stop());
  const way = await openWay(cloud.url);
  const shell = await openShell({ KILONOVA_NATS_URL: way.url, KILONOVA_TOKEN: cloud.token });
  onTestFinished(() => shell[Symbol.asyncDispose]());
  const { uuid } = await cloud.create({ name: 'web' });
  await cloud.until(uuid, ({ state }) => state === 'running');

  const watching = shell.start('instance', 'watch', 'web', '--since', '1h');
  onTestFinished(() => void watching.child.kill('SIGKILL'));
  await watching.says(/→ running/);
  way.cut();
  await watching.says(/kilonova: the connection to the cloud is lost; trying again/);
  await cloud.client.ask(api.instance.stop, { uuid });
  await cloud.until(uuid, ({ state }) => state === 'stopped');
  await way.mend();
  await watching.says(/→ stopped/);
  watching.child.kill('SIGINT');
  const { code, stderr, stdout } = await watching;
  expect(code).toBe(130);
  expect(stderr).toContain('kilonova: the cloud is there again');
  expect(stdout.split('→ stopped')).toHaveLength(2);
});
