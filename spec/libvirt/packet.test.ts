import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodePacket,
  keepalivePacket,
  maxPacketBytes,
  type Packet,
  PacketSplitter,
  ProtocolError,
} from '../../transport/libvirt/packet.ts';
import { encode, uint } from '../../transport/libvirt/xdr.ts';

const header = { program: 0x20008086, version: 1, procedure: 66, type: 0, serial: 1, status: 0 };

function splitAt(bytes: Buffer, sizes: number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let offset = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return [...chunks, bytes.subarray(offset)];
}

describe('packet framing', () => {
  it('lays a call out as libvirt reads it', () => {
    expect(encodePacket(header).toString('hex')).toBe(
      ['0000001c', '20008086', '00000001', '00000042', '00000000', '00000001', '00000000'].join(''),
    );
    expect(keepalivePacket('ping').toString('hex')).toBe(
      ['0000001c', '6b656570', '00000001', '00000001', '00000002', '00000000', '00000000'].join(''),
    );
  });

  it('cuts the same packets out of a stream however it arrives', () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 6 });
    const cuts = fc.array(fc.integer({ min: 0, max: 70 }), { maxLength: 20 });
    fc.assert(
      fc.property(payloads, cuts, (values, sizes) => {
        const sent = values.map((value, index) => ({
          header: { ...header, serial: index },
          payload: Buffer.from(value),
        }));
        const stream = Buffer.concat(sent.map((packet) => encodePacket(packet.header, packet.payload)));
        const splitter = new PacketSplitter();
        const received = splitAt(stream, sizes).flatMap((chunk) => splitter.push(chunk));
        expect(received.map(({ header, payload }: Packet) => ({ header, payload: Buffer.from(payload) }))).toEqual(
          sent,
        );
      }),
    );
  });

  it('refuses a length with no room for the header', () => {
    expect(() => new PacketSplitter().push(encode(uint, 27))).toThrow(ProtocolError);
    expect(() => new PacketSplitter().push(encode(uint, 0))).toThrow(ProtocolError);
  });

  it('refuses a packet over 32 MiB from its length alone', () => {
    expect(() => new PacketSplitter().push(encode(uint, maxPacketBytes + 1))).toThrow(ProtocolError);
    expect(new PacketSplitter().push(encode(uint, maxPacketBytes))).toEqual([]);
    expect(() => encodePacket(header, Buffer.alloc(maxPacketBytes))).toThrow(ProtocolError);
  });
});
