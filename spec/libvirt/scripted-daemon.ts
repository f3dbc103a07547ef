/** A peer that misbehaves on command, for what a real daemon never does. It opens as libvirt does, then obeys the test. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodePacket,
  keepaliveProgram,
  type Packet,
  type PacketHeader,
  PacketSplitter,
} from '../../transport/libvirt/packet.ts';
import { procedures } from '../../transport/libvirt/procedures.ts';
import { encode } from '../../transport/libvirt/xdr.ts';

export interface ScriptedDaemon extends AsyncDisposable {
  socketPath: string;
  /** What came since, without the opening. */
  received: Packet[];
  send(bytes: Buffer): void;
}

/** `answersPings` is what tells a daemon that is alive from one that hangs. */
export async function startScriptedDaemon({ answersPings = true } = {}): Promise<ScriptedDaemon> {
  const folder = await mkdtemp(join(tmpdir(), 'scripted-daemon-'));
  const socketPath = join(folder, 'socket');
  const received: Packet[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const splitter = new PacketSplitter();
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      for (const packet of splitter.push(chunk)) {
        const { header } = packet;
        if (header.program === keepaliveProgram && header.procedure === 1) {
          if (answersPings) socket.write(encodePacket({ ...header, procedure: 2 }));
        } else if (header.procedure === procedures.authList.number) {
          socket.write(replyTo(header, encode(procedures.authList.result, { types: [0] })));
        } else {
          received.push(packet);
        }
      }
    });
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    socketPath,
    received,
    send: (bytes) => {
      for (const socket of sockets) socket.write(bytes);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function replyTo(header: PacketHeader, payload: Buffer, status = 0): Buffer {
  return encodePacket({ ...header, type: 1, status }, payload);
}
