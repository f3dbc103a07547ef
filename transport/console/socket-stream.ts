/** The binary messages of a WebSocket as a stream: read no faster than they are taken, and sent as fast as the client reads. */
import { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';

export class SocketStream extends Duplex {
  readonly #socket: WebSocket;

  /** `onText` is told of the other messages. */
  constructor(socket: WebSocket, onText: (text: Buffer) => void) {
    super();
    this.#socket = socket;
    socket.on('message', (message: RawData, isBinary) => {
      const bytes = message as Buffer;
      if (!isBinary) onText(bytes);
      else if (bytes.length > 0 && !this.destroyed && !this.push(bytes)) socket.pause();
    });
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: (error?: Error | null) => void): void {
    this.#socket.send(chunk, { binary: true }, written);
  }
}
