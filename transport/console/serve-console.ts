/**
 * A WebSocket that is a guest's console (`messages/console.ts`): shows its token to the host that gave it out, then
 * carries bytes both ways until either end is over.
 */
import type { WebSocket } from 'ws';
import { type Failure, type FailureError, fail, toFailure } from '../../machines/failure.ts';
import { type ConsoleKind, consoleNotice, consoleRequest } from '../messages/console.ts';
import { computeCalls } from '../messages/internal.ts';
import type { Bus } from '../nats/bus.ts';
import { call } from '../nats/call.ts';
import { newContext } from '../nats/call-context.ts';
import { subjects } from '../nats/subjects.ts';
import { Link } from './link.ts';
import { SocketStream } from './socket-stream.ts';
import { hostOfConsoleToken } from './token.ts';

/** How long a client may take to show its token (ms). */
const patienceMs = 10_000;

/** The socket is closed by when it is over. */
export function serveConsole(bus: Bus, socket: WebSocket): void {
  const asked = Promise.withResolvers<string>();
  const stream = new SocketStream(socket, (text) => {
    try {
      asked.resolve(consoleRequest.decode(text).token);
    } catch (error) {
      asked.reject(error);
    }
  });
  const cancel = bus.clock.after(patienceMs, () => asked.reject(fail('timeout', 'no token was shown')));
  stream.once('close', () => asked.reject(gone()));
  void asked.promise
    .finally(cancel)
    .then((token) => carry(bus, socket, stream, token))
    .catch((error) => toFailure(error))
    .then((failure) => tell(socket, failure));
}

/** Resolves with why it is over. */
async function carry(bus: Bus, socket: WebSocket, stream: SocketStream, token: string): Promise<Failure> {
  const host = hostOfConsoleToken(token);
  const inbox = bus.newInbox();
  const linked = Promise.withResolvers<Link>();
  const subscription = bus.subscribe(inbox, ({ data }) => void linked.promise.then((link) => link.take(data)));
  try {
    const { attachConsole } = computeCalls;
    const subject = subjects.computeCall(host, attachConsole.name);
    const { linkId, kind } = await call(bus, subject, attachConsole, { token, inbox }, newContext());
    ready(socket, kind);
    const link = new Link(stream, {
      clock: bus.clock,
      send: (frame) => bus.send(subjects.consoleInput(host, linkId), frame),
      explain: gone,
    });
    linked.resolve(link);
    return await link.ended;
  } finally {
    subscription.unsubscribe();
  }
}

function ready(socket: WebSocket, kind: ConsoleKind): void {
  socket.send(consoleNotice.encode({ type: 'ready', kind }));
}

function tell(socket: WebSocket, failure: Failure): void {
  if (socket.readyState !== socket.OPEN) return;
  const { code, message, disposition } = failure;
  socket.send(consoleNotice.encode({ type: 'failure', failure: { code, message, disposition } }));
  socket.close(1000, code);
}

function gone(): FailureError {
  return fail('cancelled', 'whoever had the console is gone');
}
