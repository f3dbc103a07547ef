/**
 * The stream that a call has opened, as a stream of Node's: what is written goes to the daemon, what the daemon sends is
 * read. Ends when the daemon has no more; destroyed before that, it is aborted; breaks with LibvirtError or LinkLost.
 *
 * The daemon sends only as fast as it is read, because the socket stands still meanwhile.
 */
import { Duplex } from 'node:stream';
import { ProtocolError, packetStatus, streamPacket } from './packet.ts';
import { type Procedure, remoteError } from './procedures.ts';
import { LibvirtError } from './rpc-errors.ts';
import { decode } from './xdr.ts';

/** VIR_NET_MESSAGE_LEGACY_PAYLOAD_MAX, which every daemon takes. */
const maxPartBytes = 262_120;

type Opener = Pick<Procedure<unknown, unknown>, 'number' | 'name'>;

/** What it needs of the socket of its connection. */
export interface StreamSocket {
  write(bytes: Buffer, written?: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

export class RpcStream extends Duplex {
  readonly #procedure: Opener;
  readonly #serial: number;
  readonly #socket: StreamSocket;
  #isOver = false;

  constructor(procedure: Opener, serial: number, socket: StreamSocket) {
    super({ allowHalfOpen: false });
    this.#procedure = procedure;
    this.#serial = serial;
    this.#socket = socket;
    // It may break before anybody who opened it can listen; `errored` tells them.
    this.on('error', () => undefined);
  }

  /** A packet of the daemon's. Throws ProtocolError, or XdrError, when it is none. */
  receive(status: number, payload: Buffer): void {
    if (status === packetStatus.continue) {
      // An empty part is the end of what there is to read.
      if (payload.length === 0) this.push(null);
      else if (!this.destroyed && !this.push(payload)) this.#socket.pause();
      return;
    }
    this.#isOver = true;
    if (status === packetStatus.ok) this.push(null);
    else if (status === packetStatus.error)
      this.destroy(new LibvirtError(this.#procedure.name, decode(remoteError, payload)));
    else throw new ProtocolError(`a part of a stream of status ${status}`);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: () => void): void {
    for (let start = 0; start < chunk.length; start += maxPartBytes) {
      const isLast = start + maxPartBytes >= chunk.length;
      this.#send('continue', chunk.subarray(start, start + maxPartBytes), isLast ? written : undefined);
    }
  }

  override _final(done: () => void): void {
    if (!this.#isOver) this.#send('ok');
    this.#isOver = true;
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#isOver) this.#send('error');
    this.#isOver = true;
    // What is still on its way is read, so that the connection goes on.
    this.#socket.resume();
    done(error);
  }

  #send(status: keyof typeof packetStatus, payload?: Buffer, written?: () => void): void {
    this.#socket.write(streamPacket(this.#procedure.number, this.#serial, status, payload), written);
  }
}
