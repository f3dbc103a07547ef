import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePacket, keepalivePacket, keepaliveProgram } from '../../transport/libvirt/packet.ts';
import { procedures, remoteEvents } from '../../transport/libvirt/procedures.ts';
import { RpcConnection } from '../../transport/libvirt/rpc-connection.ts';
import { CallTimeout, LinkLost } from '../../transport/libvirt/rpc-errors.ts';
import { encode } from '../../transport/libvirt/xdr.ts';
import { startPrivateLibvirtd } from '../support/private-libvirtd.ts';
import { replyTo, startScriptedDaemon } from './scripted-daemon.ts';

const reply = { program: 0x20008086, version: 1, procedure: 59, type: 1, serial: 2, status: 0 };
const nonsense: Record<string, Buffer> = {
  'a length without a header': Buffer.alloc(4),
  'a packet of four gigabytes': Buffer.alloc(4, 0xff),
  'another program': encodePacket({ ...reply, program: 1 }),
  'another version of the program': encodePacket({ ...reply, version: 2 }),
  'a call to the client': encodePacket({ ...reply, type: 0 }),
  'a stream nobody opened': encodePacket({ ...reply, type: 3 }),
  'a reply nobody waits for': encodePacket({ ...reply, serial: 77 }),
  'a reply with half a result': encodePacket(reply, Buffer.from([0, 0, 0, 9, 1])),
  'an error that is none': encodePacket({ ...reply, status: 1 }, Buffer.alloc(3)),
  'an event with half a payload': encodePacket(
    { ...reply, procedure: remoteEvents.reboot.number, type: 2 },
    Buffer.alloc(7),
  ),
};

describe('a connection to libvirt', () => {
  it.each(Object.keys(nonsense))('closes, with the call unknown, at %s', async (name) => {
    await using daemon = await startScriptedDaemon();
    const connection = await RpcConnection.open({ socketPath: daemon.socketPath });
    connection.onEvent(remoteEvents.reboot, () => {});
    const call = connection.call(procedures.hostname, undefined);
    daemon.send(nonsense[name] ?? Buffer.alloc(0));
    await expect(call).rejects.toSatisfy((error) => error instanceof LinkLost && error.isResultUnknown);
    expect(connection.isOpen).toBe(false);
    await expect(connection.call(procedures.hostname, undefined)).rejects.toSatisfy(
      (error) => error instanceof LinkLost && !error.isResultUnknown,
    );
  });

  it('does not crash at bytes of chance', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 28, maxLength: 120 }), async (bytes) => {
        await using daemon = await startScriptedDaemon();
        const connection = await RpcConnection.open({ socketPath: daemon.socketPath });
        const call = connection.call(procedures.hostname, undefined, { deadlineMs: 50 });
        daemon.send(Buffer.from(bytes));
        await expect(call).rejects.toThrow();
        connection.close();
      }),
      { numRuns: 30 },
    );
  });

  it('answers the pings of the daemon', async () => {
    await using daemon = await startScriptedDaemon();
    const connection = await RpcConnection.open({ socketPath: daemon.socketPath });
    daemon.send(Buffer.concat([keepalivePacket('ping'), keepalivePacket('ping')]));
    await expect
      .poll(() => daemon.received.map(({ header }) => [header.program, header.procedure]))
      .toEqual([
        [keepaliveProgram, 2],
        [keepaliveProgram, 2],
      ]);
    connection.close();
  });

  it('takes a daemon that answers no pings for hung', async () => {
    await using daemon = await startScriptedDaemon({ answersPings: false });
    const keepalive = { intervalMs: 20, count: 3 };
    const connection = await RpcConnection.open({ socketPath: daemon.socketPath, keepalive });
    await expect(connection.call(procedures.hostname, undefined)).rejects.toThrow(/hung/);
  });

  it('sends no more calls than the daemon may have at once', async () => {
    await using daemon = await startScriptedDaemon();
    const connection = await RpcConnection.open({ socketPath: daemon.socketPath, maxInFlight: 2 });
    const calls = Array.from({ length: 5 }, () => connection.call(procedures.hostname, undefined));
    for (let answered = 0; answered < 5; answered += 1) {
      await expect.poll(() => daemon.received.length).toBe(Math.min(answered + 2, 5));
      const packet = daemon.received[answered];
      if (packet === undefined) throw new Error('no call came');
      const hostname = `host-${answered}`;
      daemon.send(replyTo(packet.header, encode(procedures.hostname.result, { hostname })));
    }
    const hostnames = (await Promise.all(calls)).map(({ hostname }) => hostname);
    expect(hostnames).toEqual(['host-0', 'host-1', 'host-2', 'host-3', 'host-4']);
    connection.close();
  });

  it('gives a call up at its deadline, and keeps its place until the answer comes', async () => {
    await using daemon = await startScriptedDaemon();
    const connection = await RpcConnection.open({ socketPath: daemon.socketPath, maxInFlight: 1 });
    const late = connection.call(procedures.hostname, undefined, { deadlineMs: 30 });
    await expect(late).rejects.toSatisfy((error) => error instanceof CallTimeout && error.isResultUnknown);
    const queued = connection.call(procedures.hostname, undefined, { deadlineMs: 30 });
    await expect(queued).rejects.toSatisfy((error) => error instanceof CallTimeout && !error.isResultUnknown);
    expect(daemon.received).toHaveLength(1);

    const next = connection.call(procedures.hostname, undefined);
    daemon.send(encodePacket(reply, encode(procedures.hostname.result, { hostname: 'late' })));
    await expect.poll(() => daemon.received.length).toBe(2);
    daemon.send(encodePacket({ ...reply, serial: 3 }, encode(procedures.hostname.result, { hostname: 'next' })));
    expect(await next).toEqual({ hostname: 'next' });
    connection.close();
  });

  it('rejects a call at once when its signal aborts, and does not send it any more', async () => {
    await using daemon = await startScriptedDaemon();
    const connection = await RpcConnection.open({ socketPath: daemon.socketPath, maxInFlight: 1 });
    const abort = new AbortController();
    const calls = [1, 2].map(() => connection.call(procedures.hostname, undefined, { signal: abort.signal }));
    await expect.poll(() => daemon.received.length).toBe(1);
    abort.abort(new Error('enough'));
    for (const call of calls) await expect(call).rejects.toThrow('enough');
    await expect(connection.call(procedures.hostname, undefined, { signal: abort.signal })).rejects.toThrow('enough');
    daemon.send(encodePacket(reply, encode(procedures.hostname.result, { hostname: 'late' })));
    const last = connection.call(procedures.hostname, undefined);
    await expect.poll(() => daemon.received.length).toBe(2);
    connection.close();
    await expect(last).rejects.toThrow(LinkLost);
  });

  it('has fifty calls in flight at a real daemon, each answered with its own result', async () => {
    await using daemon = await startPrivateLibvirtd({ driver: 'test' });
    const connection = await RpcConnection.open({ socketPath: daemon.socketPath });
    await connection.call(procedures.open, { name: 'test:///default', flags: 0 });
    const calls = Array.from({ length: 50 }, (_, index) =>
      index % 2 === 0
        ? connection.call(procedures.nodeInfo, undefined).then(({ cpus }) => cpus)
        : connection.call(procedures.domainByName, { name: `nobody-${index}` }).catch((error: Error) => error.message),
    );
    const results = await Promise.all(calls);
    for (const [index, result] of results.entries()) {
      if (index % 2 === 0) expect(result).toBe(16);
      else expect(result).toContain('not found');
    }
    connection.close();
  });

  it('is told by keepalive that a real daemon hangs', async () => {
    await using daemon = await startPrivateLibvirtd({ driver: 'test' });
    const keepalive = { intervalMs: 100, count: 5 };
    const connection = await RpcConnection.open({ socketPath: daemon.socketPath, keepalive });
    await connection.call(procedures.open, { name: 'test:///default', flags: 0 });
    await daemon.freeze();
    await expect(connection.call(procedures.hostname, undefined)).rejects.toThrow(/hung/);
    await daemon.thaw();
  });

  it('says why when there is nothing to connect to', async () => {
    await expect(RpcConnection.open({ socketPath: '/nonexistent/socket' })).rejects.toThrow(LinkLost);
  });
});
