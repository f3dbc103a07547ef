/** The way from the page to a console: a token of the API, shown on a WebSocket, and then bytes. */
import { type Failure, fail, toFailure } from '../../../machines/failure.ts';
import { api } from '../../messages/api.ts';
import { type ConsoleKind, consoleNotice } from '../../messages/console.ts';
import { ask } from '../ask.ts';
import { socketUrl } from '../socket-url.ts';

/** What the server takes in one message (bytes). */
const mostBytes = 16 * 1024;

export interface ConsoleEvents {
  /** Bytes go both ways from now on: the socket's messages are binary. */
  onReady(socket: WebSocket): void;
  /** Once, unless it was left before. */
  onEnd(failure: Failure): void;
}

/** Returns the function that leaves it. */
export function connectConsole(uuid: string, kind: ConsoleKind, { onReady, onEnd }: ConsoleEvents): () => void {
  let isLeft = false;
  let socket: WebSocket | undefined;

  function end(failure: Failure): void {
    if (isLeft) return;
    isLeft = true;
    socket?.close();
    onEnd(failure);
  }

  function hear({ data }: MessageEvent): void {
    if (typeof data !== 'string' || !socket || isLeft) return;
    try {
      const notice = consoleNotice.check(JSON.parse(data));
      if (notice.type === 'ready') onReady(socket);
      else end(notice.failure as Failure);
    } catch (error) {
      end(toFailure(error));
    }
  }

  ask(api.instance.openConsole, { uuid, kind }).then(
    ({ console: { token } }) => {
      if (isLeft) return;
      socket = new WebSocket(socketUrl('/console'));
      socket.binaryType = 'arraybuffer';
      socket.addEventListener('open', () => socket?.send(JSON.stringify({ token })));
      socket.addEventListener('message', hear);
      socket.addEventListener('close', () => end(lost()));
    },
    (error: unknown) => end(toFailure(error)),
  );

  return () => {
    isLeft = true;
    socket?.close();
  };
}

/** What is pasted may be more than the server takes at once. */
export function sendBytes(socket: WebSocket, bytes: Uint8Array<ArrayBuffer>): void {
  if (socket.readyState !== WebSocket.OPEN) return;
  for (let at = 0; at < bytes.length; at += mostBytes) socket.send(bytes.subarray(at, at + mostBytes));
}

function lost(): Failure {
  return fail('unavailable', 'the connection to the server is lost', { disposition: 'retry' }).failure;
}
