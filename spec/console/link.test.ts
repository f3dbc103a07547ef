/** Both ends of a console's way over the bus, on a wire that a test can cut, and a clock that it holds. */
import { Duplex, PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { fail } from '../../machines/failure.ts';
import { decodeFrame, encodeFrame } from '../../transport/console/frame.ts';
import { Link, type LinkOptions, windowBytes } from '../../transport/console/link.ts';
import { SimulatedTime } from '../simulation/simulated-time.ts';
import { standstill } from './console-client.ts';

const minute = 60_000;

/** A stream of which the test has the other side. */
function madeStream() {
  const [readable, writable] = [new PassThrough(), new PassThrough()];
  return { stream: Duplex.from({ readable, writable }), says: readable, hears: writable };
}

function join(limits: Partial<LinkOptions> = {}) {
  const clock = new SimulatedTime(Date.UTC(2026, 0));
  const wire = { isCut: false, frames: 0, loses: (_: Uint8Array): boolean => false };
  const guest = madeStream();
  const client = madeStream();
  const ends: { guest?: Link; client?: Link } = {};
  const carry = (to: keyof typeof ends) => (frame: Uint8Array) => {
    wire.frames += 1;
    if (!wire.isCut && !wire.loses(frame)) setImmediate(() => ends[to]?.take(frame));
  };
  ends.guest = new Link(guest.stream, {
    ...limits,
    clock,
    send: carry('client'),
    explain: (error) => (error ? fail('hypervisor_unavailable', error.message) : fail('conflict', 'the guest is off')),
  });
  ends.client = new Link(client.stream, { clock, send: carry('guest'), explain: () => fail('cancelled', 'gone') });
  return { clock, wire, guest, client, guestLink: ends.guest, clientLink: ends.client };
}

async function read(stream: PassThrough, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  await expect
    .poll(() => {
      const part: Buffer | null = stream.read();
      if (part) parts.push(part);
      length += part?.length ?? 0;
      return length >= bytes;
    })
    .toBe(true);
  return Buffer.concat(parts);
}

describe('a link', () => {
  it('carries bytes both ways, as they are', async () => {
    const { guest, client } = join();
    const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * 7) % 251));
    guest.says.write(bytes);
    client.says.write('whoami\r');
    expect((await read(guest.hears, 7)).toString()).toBe('whoami\r');
    expect((await read(client.hears, bytes.length)).equals(bytes)).toBe(true);
  });

  it('has no more than a window under way to an end that does not read', async () => {
    const { guest, client, wire } = join();
    const mostBuffered = windowBytes + 4 * client.hears.writableHighWaterMark;
    const flood = Buffer.alloc(64 * 1024, 'y');
    let written = 0;
    while (guest.says.write(flood)) written += flood.length;
    for (let more = 0; more < 64; more += 1) guest.says.write(flood);
    await expect.poll(() => wire.frames).toBeGreaterThan(4);
    await standstill(() => wire.frames);
    expect(client.hears.readableLength + client.stream.writableLength).toBeLessThanOrEqual(mostBuffered);
    expect(written).toBeLessThan(mostBuffered);
    await read(client.hears, 64 * flood.length);
  });

  it('ends at both ends with why it ended at one, after all that was sent before', async () => {
    const { guest, client, guestLink, clientLink } = join();
    guest.says.end('last words');
    expect((await read(client.hears, 10)).toString()).toBe('last words');
    const failures = await Promise.all([guestLink.ended, clientLink.ended]);
    for (const failure of failures) expect(failure).toMatchObject({ code: 'conflict', message: 'the guest is off' });
    expect(client.stream.destroyed && guest.stream.destroyed).toBe(true);
  });

  it('ends when the stream of either end breaks', async () => {
    const ofGuest = join();
    ofGuest.guest.stream.destroy(new Error('libvirt is gone'));
    expect(await ofGuest.clientLink.ended).toMatchObject({
      code: 'hypervisor_unavailable',
      message: 'libvirt is gone',
    });
    const ofClient = join();
    ofClient.client.stream.destroy();
    expect(await ofClient.guestLink.ended).toMatchObject({ code: 'cancelled' });
  });

  it('ends with what broke a stream before it was joined', async () => {
    const { stream } = madeStream();
    stream.on('error', () => undefined);
    stream.destroy(new Error('the guest has gone'));
    const explain = (error?: Error) => fail('hypervisor_unavailable', error?.message ?? 'for no reason');
    const link = new Link(stream, { clock: new SimulatedTime(0), send: () => undefined, explain });
    expect(await link.ended).toMatchObject({ message: 'the guest has gone' });
  });

  it('ends, rather than leave a part out, when one was lost on the way', async () => {
    const { guest, wire, guestLink, clientLink, client } = join();
    guest.says.write('one');
    await read(client.hears, 3);
    let isLost = false;
    wire.loses = (frame) => {
      const loses = !isLost && frame.length > 13;
      isLost ||= loses;
      return loses;
    };
    guest.says.write('two');
    await expect.poll(() => isLost).toBe(true);
    guest.says.write('three');
    for (const link of [guestLink, clientLink]) {
      expect(await link.ended).toMatchObject({ code: 'unavailable', message: expect.stringContaining('lost') });
    }
    expect(client.hears.read()).toBeNull();
  });

  it('ends when the other end is not heard of any more, and not before', async () => {
    const { clock, wire, guestLink, clientLink } = join();
    await clock.run(clock.now() + 5 * minute);
    wire.isCut = true;
    let isOver = false;
    void guestLink.ended.then(() => {
      isOver = true;
    });
    await clock.run(clock.now() + 25_000);
    expect(isOver).toBe(false);
    await clock.run(clock.now() + 20_000);
    for (const link of [guestLink, clientLink]) expect(await link.ended).toMatchObject({ code: 'timeout' });
  });

  it('ends when nothing came or went for long, and when it was open for long', async () => {
    const idle = join({ idleMs: 30 * minute });
    await idle.clock.run(idle.clock.now() + 29 * minute);
    idle.guest.says.write('tick');
    await read(idle.client.hears, 4);
    await idle.clock.run(idle.clock.now() + 29 * minute);
    let isOver = false;
    void idle.guestLink.ended.then(() => {
      isOver = true;
    });
    expect(isOver).toBe(false);
    await idle.clock.run(idle.clock.now() + 2 * minute);
    expect(await idle.clientLink.ended).toMatchObject({ message: expect.stringContaining('nothing came or went') });

    const long = join({ lifeMs: 60 * minute });
    await long.clock.run(long.clock.now() + 61 * minute);
    expect(await long.clientLink.ended).toMatchObject({ message: expect.stringContaining('60 minutes') });
  });

  it.each([
    ['that are none', Buffer.from('hello')],
    ['of no kind that is known', Buffer.from('07000000000000000000000000', 'hex')],
    ['that are ends without a reason', Buffer.from('01000000000000000000000000', 'hex')],
    [
      'that say more was taken than was sent',
      encodeFrame({ kind: 'bytes', sent: 0, taken: 9, bytes: Buffer.alloc(0) }),
    ],
    [
      'with more than there is room for',
      encodeFrame({ kind: 'bytes', sent: 0, taken: 0, bytes: Buffer.alloc(300_000) }),
    ],
  ])('ends at frames %s', async (_, frame) => {
    const { guestLink, clientLink } = join();
    guestLink.take(frame);
    for (const link of [guestLink, clientLink]) expect(await link.ended).toMatchObject({ code: 'invalid_request' });
  });
});

describe('a frame', () => {
  it('is on the wire as is written down', () => {
    const bytes = encodeFrame({ kind: 'bytes', sent: 1, taken: 2 ** 40, bytes: Buffer.from('hi') });
    expect(Buffer.from(bytes).toString('hex')).toBe('00000000000001010000000000' + '6869');
    expect(decodeFrame(bytes)).toEqual({ kind: 'bytes', sent: 1, taken: 2 ** 40, bytes: Buffer.from('hi') });
    const { failure } = fail('conflict', 'the guest is off');
    const end = encodeFrame({ kind: 'end', sent: 0, taken: 0, failure });
    expect(decodeFrame(end)).toEqual({ kind: 'end', sent: 0, taken: 0, failure });
  });
});
