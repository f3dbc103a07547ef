/**
 * The packets of libvirt's RPC and how they are cut out of a byte stream: a length that counts itself, a header of six
 * words, a payload in XDR. Two programs share the socket: libvirt's calls, and keepalive.
 */
import { decode, encode, int, struct, uint, type XdrValue } from './xdr.ts';

export const remoteProgram = 0x20008086;
/** The letters `keep`. */
export const keepaliveProgram = 0x6b656570;
export const programVersion = 1;

export const packetTypes = { call: 0, reply: 1, message: 2, stream: 3 } as const;
export const packetStatus = { ok: 0, error: 1, continue: 2 } as const;
export const keepaliveProcedures = { ping: 1, pong: 2 } as const;

const lengthBytes = 4;
const headerBytes = 24;
/** VIR_NET_MESSAGE_MAX, which does not count the length word. */
export const maxPacketBytes = 32 * 1024 * 1024 + lengthBytes;

const headerType = struct({
  program: uint,
  version: uint,
  procedure: int,
  type: uint,
  serial: uint,
  status: uint,
});

export type PacketHeader = XdrValue<typeof headerType>;

export interface Packet {
  header: PacketHeader;
  payload: Buffer;
}

/** The peer does not speak this protocol, or not any more: nothing after it can be trusted. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

export function encodePacket(header: PacketHeader, payload: Buffer = Buffer.alloc(0)): Buffer {
  const size = lengthBytes + headerBytes + payload.length;
  if (size > maxPacketBytes) {
    throw new ProtocolError(`a packet of ${size} bytes is over the limit of ${maxPacketBytes}`);
  }
  return Buffer.concat([encode(uint, size), encode(headerType, header), payload], size);
}

/** A part of the stream that the call of this serial has opened: `continue` is data, `ok` finishes it, `error` aborts it. */
export function streamPacket(
  procedure: number,
  serial: number,
  status: keyof typeof packetStatus,
  payload?: Buffer,
): Buffer {
  const header = {
    program: remoteProgram,
    version: programVersion,
    procedure,
    type: packetTypes.stream,
    serial,
    status: packetStatus[status],
  };
  return encodePacket(header, payload);
}

export function keepalivePacket(procedure: keyof typeof keepaliveProcedures): Buffer {
  return encodePacket({
    program: keepaliveProgram,
    version: programVersion,
    procedure: keepaliveProcedures[procedure],
    type: packetTypes.message,
    serial: 0,
    status: packetStatus.ok,
  });
}

/** Holds the bytes of a packet that has not arrived whole yet. */
export class PacketSplitter {
  /** Joined only once, when the packet is whole: joining at each arrival would be quadratic in its size. */
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Of the packet under way, once its length word is known. */
  #wanted = 0;

  /** Returns the packets that are whole now. Throws ProtocolError at a length that cannot be. */
  push(chunk: Buffer): Packet[] {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    const packets: Packet[] = [];
    while (this.#hasPacket()) packets.push(this.#takePacket());
    return packets;
  }

  #hasPacket(): boolean {
    if (this.#wanted === 0) {
      if (this.#buffered < lengthBytes) return false;
      this.#wanted = checkedLength(this.#joined().readUInt32BE(0));
    }
    return this.#buffered >= this.#wanted;
  }

  #takePacket(): Packet {
    const joined = this.#joined();
    const packet = joined.subarray(lengthBytes, this.#wanted);
    const rest = joined.subarray(this.#wanted);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#buffered = rest.length;
    this.#wanted = 0;
    return {
      header: decode(headerType, packet.subarray(0, headerBytes)),
      payload: packet.subarray(headerBytes),
    };
  }

  #joined(): Buffer {
    const [only] = this.#chunks;
    if (only !== undefined && this.#chunks.length === 1) return only;
    const joined = Buffer.concat(this.#chunks, this.#buffered);
    this.#chunks = [joined];
    return joined;
  }
}

function checkedLength(length: number): number {
  if (length < lengthBytes + headerBytes) throw new ProtocolError(`a packet of ${length} bytes has no header`);
  if (length > maxPacketBytes) {
    throw new ProtocolError(`a packet of ${length} bytes is over the limit of ${maxPacketBytes}`);
  }
  return length;
}
