/**
 * `/live`: what happens, as it happens (`LiveFrame`). A client that reads too slowly has facts left out and is told so when it
 * has read what it was sent before, instead of having ever more wait for it here.
 */
import type { WebSocket } from 'ws';
import type { LiveFrame } from '../messages/web.ts';
import type { Routes } from './context.ts';
import { LiveFeed } from './live-feed.ts';
import { isAdministrator } from './session.ts';

/** What may wait for a client to read it (bytes). */
const mostWaiting = 2 * 1024 * 1024;

const reset = JSON.stringify({ type: 'reset' } satisfies LiveFrame);

export const liveSocket: Routes = (app, { facts, clock, sockets }) => {
  const feed = new LiveFeed(facts, clock);
  app.addHook('onClose', async () => feed.stop());

  sockets.route(app, '/live', (socket, { session, query }) => {
    const { projectId } = session;
    const after = Number(query.get('after') ?? Number.NaN);
    const since = Number.isSafeInteger(after) ? { epoch: query.get('epoch'), sequence: after } : undefined;
    const listener = { projectId: isAdministrator(session) ? undefined : projectId, send: patientSender(socket) };
    void facts.caughtUp.then(
      () => {
        if (socket.readyState === socket.OPEN) socket.on('close', feed.join(listener, since));
      },
      () => socket.close(),
    );
  });
};

/** Sends what the client can take. */
function patientSender(socket: WebSocket): (frame: Uint8Array) => void {
  let isBehind = false;
  return (frame) => {
    if (isBehind) return;
    if (socket.bufferedAmount <= mostWaiting) {
      socket.send(frame, { binary: false });
      return;
    }
    isBehind = true;
    // Told when all before it is read: what happened until then it asks for, what happens then it hears.
    socket.send(reset, { binary: false }, () => {
      isBehind = false;
    });
  };
}
