/**
 * One end of a console's way over the bus: joins a stream that is here with the one at the other end, as if they were one.
 *
 * An end sends no more than the other has room for, and takes what it is sent only as fast as its stream does: so a
 * slow browser stops the guest, and no more than a window's worth of bytes is ever under way. The bus may lose messages; a
 * gap ends the console, as does an end that is not heard of any more. Nothing is sent before the other end was heard.
 */
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Failure, type FailureError, fail, toFailure } from '../../machines/failure.ts';
import { type Clock, every } from '../clock.ts';
import { decodeFrame, encodeFrame } from './frame.ts';

/** How many bytes may be under way each way, and in one frame. */
export const windowBytes = 256 * 1024;
const frameBytes = 32 * 1024;
/** How often an end says that it is there, and how long it may be silent (ms). */
const beatEveryMs = 10_000;
const silentMs = 30_000;
/** How long what was taken may wait for the stream once it is over (ms). */
const graceMs = 5_000;

export interface LinkOptions {
  clock: Clock;
  /** To the other end. */
  send(frame: Uint8Array): void;
  /** Why the stream has ended, with what broke it, if it did. */
  explain(error?: Error): FailureError;
  /** How long it may last, and how long without a byte either way (ms). */
  lifeMs?: number;
  idleMs?: number;
}

export class Link {
  /** Resolves with why, when the stream is closed. */
  readonly ended: Promise<Failure>;
  readonly #stream: Duplex;
  readonly #options: LinkOptions;
  readonly #end = Promise.withResolvers<Failure>();
  readonly #stopBeating: () => void;
  readonly #beganAt: number;
  #heardAt: number;
  #movedAt: number;
  #hasHeard = false;
  #isOver = false;
  // Counts of bytes. What was sent from here, and how much of it the other end has taken:
  #sent = 0;
  #acknowledged = 0;
  // What was sent to here, how much of it the stream has taken, and how much of that the other end was told.
  #received = 0;
  #taken = 0;
  #told = 0;

  constructor(stream: Duplex, options: LinkOptions) {
    const { clock, explain } = options;
    this.#stream = stream;
    this.#options = options;
    this.ended = this.#end.promise;
    this.#beganAt = this.#heardAt = this.#movedAt = clock.now();
    this.#stopBeating = every(clock, beatEveryMs, async () => this.#beat());
    stream.on('readable', () => this.#pump());
    stream.on('end', () => this.end(explain()));
    stream.on('error', (error) => this.end(explain(error)));
    stream.on('close', () => this.end(explain()));
    this.#tell();
    if (stream.destroyed) this.end(explain(stream.errored ?? undefined));
  }

  /** A frame of the other end's. Never throws. */
  take(message: Uint8Array): void {
    if (this.#isOver) return;
    try {
      this.#take(message);
    } catch (thrown) {
      this.end(thrown);
    }
  }

  /** Tells the other end why. More than once is once. */
  end(why: unknown): void {
    if (this.#isOver) return;
    const failure = toFailure(why);
    this.#options.send(encodeFrame({ kind: 'end', sent: this.#sent, taken: this.#taken, failure }));
    void this.#close(failure);
  }

  #take(message: Uint8Array): void {
    const frame = decodeFrame(message);
    this.#heardAt = this.#options.clock.now();
    if (frame.sent !== this.#received) {
      throw fail('unavailable', 'some of it was lost on the way', { disposition: 'retry' });
    }
    if (frame.taken > this.#sent) throw fail('invalid_request', 'more was taken than was sent');
    this.#acknowledged = frame.taken;
    if (!this.#hasHeard) {
      this.#hasHeard = true;
      this.#tell();
    }
    if (frame.kind === 'end') void this.#close(frame.failure);
    else {
      if (frame.bytes.length > 0) this.#write(frame.bytes);
      this.#pump();
    }
  }

  #write(bytes: Uint8Array): void {
    this.#received += bytes.length;
    if (this.#received - this.#taken > windowBytes)
      throw fail('invalid_request', 'more was sent than there is room for');
    this.#movedAt = this.#heardAt;
    this.#stream.write(bytes, (error) => {
      if (error) return;
      this.#taken += bytes.length;
      if (this.#taken - this.#told >= windowBytes / 2) this.#tell();
    });
  }

  /** Sends what there is, as far as the other end has room for it. */
  #pump(): void {
    while (this.#hasHeard && !this.#isOver) {
      const room = Math.min(windowBytes - (this.#sent - this.#acknowledged), frameBytes);
      if (room <= 0) return;
      const bytes: Buffer | null = this.#stream.readableLength > room ? this.#stream.read(room) : this.#stream.read();
      if (bytes === null) return;
      this.#movedAt = this.#options.clock.now();
      this.#tell(bytes);
      this.#sent += bytes.length;
    }
  }

  #tell(bytes: Uint8Array = Buffer.alloc(0)): void {
    if (this.#isOver) return;
    this.#told = this.#taken;
    this.#options.send(encodeFrame({ kind: 'bytes', sent: this.#sent, taken: this.#taken, bytes }));
  }

  #beat(): void {
    const { clock, lifeMs = Number.POSITIVE_INFINITY, idleMs = Number.POSITIVE_INFINITY } = this.#options;
    const now = clock.now();
    if (now - this.#heardAt > silentMs) {
      this.end(fail('timeout', `the other end was not heard for ${silentMs} ms`, { disposition: 'retry' }));
    } else if (now - this.#beganAt > lifeMs) {
      this.end(fail('timeout', `a console is open for at most ${lifeMs / 60_000} minutes`, { disposition: 'retry' }));
    } else if (now - this.#movedAt > idleMs) {
      this.end(fail('timeout', `nothing came or went for ${idleMs / 60_000} minutes`, { disposition: 'retry' }));
    } else this.#tell();
  }

  /** What came before goes to the stream still. */
  async #close(failure: Failure): Promise<void> {
    this.#isOver = true;
    this.#stopBeating();
    const cancel = this.#options.clock.after(graceMs, () => this.#stream.destroy());
    this.#stream.end();
    await finished(this.#stream, { readable: false }).catch(() => undefined);
    cancel();
    this.#stream.destroy();
    this.#end.resolve(failure);
  }
}
