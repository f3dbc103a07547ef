import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodePacket, packetStatus, packetTypes, streamPacket } from '../../transport/libvirt/packet.ts';
import { procedures, remoteError } from '../../transport/libvirt/procedures.ts';
import { RpcConnection } from '../../transport/libvirt/rpc-connection.ts';
import { LibvirtError, LinkLost } from '../../transport/libvirt/rpc-errors.ts';
import { encode } from '../../transport/libvirt/xdr.ts';
import { replyTo, startScriptedDaemon } from './scripted-daemon.ts';

const domain = { name: 'instance-1', uuid: '0f6a8c1e-2b3d-4e5f-8a9b-0c1d2e3f4a5b', id: 1 };
const { number } = procedures.openConsole;

/** `following`: what the daemon sends in one piece with its answer. */
async function openStream(following: { status: keyof typeof packetStatus; payload: Buffer }[] = []) {
  const daemon = await startScriptedDaemon();
  onTestFinished(() => daemon[Symbol.asyncDispose]());
  const keepalive = { intervalMs: 20, count: 3 };
  const connection = await RpcConnection.open({ socketPath: daemon.socketPath, keepalive });
  onTestFinished(() => connection.close());
  const opening = connection.openStream(procedures.openConsole, { domain, device: undefined, flags: 0 });
  await expect.poll(() => daemon.received.length).toBe(1);
  const [call] = daemon.received;
  if (!call) throw new Error('no call came');
  const { serial } = call.header;
  const part = (status: keyof typeof packetStatus, text = '') =>
    daemon.send(streamPacket(number, serial, status, Buffer.from(text)));
  const parts = following.map(({ status, payload }) => streamPacket(number, serial, status, payload));
  daemon.send(Buffer.concat([replyTo(call.header, Buffer.alloc(0)), ...parts]));
  const stream = await opening;
  /** What the daemon was sent on the stream: its status and text. */
  const sent = () =>
    daemon.received
      .filter(({ header }) => header.type === packetTypes.stream && header.serial === serial)
      .map(({ header, payload }) => [header.status, payload.toString()]);
  return { daemon, connection, stream, part, sent };
}

describe('a stream of libvirt', () => {
  it('carries bytes both ways, also those that come with the answer, and is finished when there are no more', async () => {
    const { connection, stream, part, sent } = await openStream([{ status: 'continue', payload: Buffer.from('log') }]);
    stream.write('whoami\n');
    part('continue', 'in: ');
    part('continue');
    expect((await buffer(stream)).toString()).toBe('login: ');
    await expect.poll(sent).toEqual([
      [packetStatus.continue, 'whoami\n'],
      [packetStatus.ok, ''],
    ]);
    part('ok');
    // After which the connection is as it was.
    await expect(connection.call(procedures.hostname, undefined, { deadlineMs: 50 })).rejects.toThrow(/no answer/);
  });

  it('sends what is large in parts that every daemon takes', async () => {
    const { stream, sent } = await openStream();
    stream.write('x'.repeat(600_000));
    await expect.poll(() => sent().map(([, text]) => String(text).length)).toEqual([262_120, 262_120, 75_760]);
  });

  it('is aborted when it is given up, and what was on its way is let be', async () => {
    const { connection, stream, part, sent } = await openStream();
    stream.destroy();
    await expect.poll(sent).toEqual([[packetStatus.error, '']]);
    part('continue', 'late');
    part('ok');
    await expect(connection.call(procedures.hostname, undefined, { deadlineMs: 50 })).rejects.toThrow(/no answer/);
  });

  it('is read no faster than its reader takes it, and the daemon is not held for hung meanwhile', async () => {
    const { daemon, connection, stream, part } = await openStream();
    const bytes = 8 * 1024 * 1024;
    for (let sent = 0; sent < bytes; sent += 65_536) part('continue', 'y'.repeat(65_536));
    part('continue');
    // Several times what makes a daemon that answers no pings a hung one.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(stream.readableLength).toBeLessThanOrEqual(2 * 65_536);
    expect(connection.isOpen).toBe(true);
    expect(await buffer(stream)).toHaveLength(bytes);
    expect(daemon.received.length).toBeGreaterThan(0);
  });

  it('that breaks before anybody can listen to it says so to whoever looks, and harms nothing else', async () => {
    const payload = encode(remoteError, {
      ...{ code: 38, domain: 7, message: 'the guest has gone', level: 2, dom: undefined },
      ...{ str1: undefined, str2: undefined, str3: undefined, int1: 0, int2: 0, net: undefined },
    });
    const { connection, stream } = await openStream([{ status: 'error', payload }]);
    expect(stream.errored).toBeInstanceOf(LibvirtError);
    expect(connection.isOpen).toBe(true);
  });

  it('breaks with the link', async () => {
    const { daemon, stream } = await openStream();
    const broken = once(stream, 'error');
    await daemon[Symbol.asyncDispose]();
    expect((await broken)[0]).toBeInstanceOf(LinkLost);
  });

  it('breaks the link when a part of it is of no known status', async () => {
    const { daemon, stream } = await openStream();
    const broken = once(stream, 'error');
    const header = {
      program: 0x20008086,
      version: 1,
      procedure: number,
      type: packetTypes.stream,
      serial: 2,
      status: 7,
    };
    daemon.send(encodePacket(header));
    expect((await broken)[0]).toBeInstanceOf(LinkLost);
  });
});
