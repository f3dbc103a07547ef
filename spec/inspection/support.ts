/** An inspector's end of the wire: a bare `ws` server in front of what watches, and receivers of Stately's that connect to it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect';
import { onTestFinished } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { InspectionWatch } from '../../actors/web/inspection-watch.ts';
import { showMachines } from '../../transport/http/inspect-socket.ts';
import type { InspectionSource } from '../../transport/http/inspection-source.ts';
import { eventually } from '../support/test-cloud.ts';

export interface InspectServer {
  url: string;
  /** The server's ends, in the order in which they were connected. */
  sockets: WebSocket[];
}

export async function serveInspector(source: InspectionSource): Promise<InspectServer> {
  const http = createServer();
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  const sockets: WebSocket[] = [];
  server.on('connection', (socket, request) => {
    sockets.push(socket);
    showMachines(source, socket, new URL(request.url ?? '', 'ws://inspect').searchParams, request.socket);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.terminate();
    server.close();
    await new Promise((resolve) => http.close(resolve));
  });
  return { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/inspect`, sockets };
}

/** What watches by a connection of its own, and its server. */
export async function watchFrom(runtime: Runtime): Promise<InspectServer> {
  const watch = new InspectionWatch(runtime);
  onTestFinished(() => watch.stop());
  return serveInspector(watch);
}

/** What a receiver of Stately's has heard. */
export class Receiver {
  readonly events: StatelyInspectionEvent[] = [];

  constructor(url: string) {
    createWebSocketReceiver({ server: url }).subscribe((event) => this.events.push(event));
  }

  /** Resolves with the first that is so, also of those that it has heard already. */
  until<Event extends StatelyInspectionEvent>(is: (event: StatelyInspectionEvent) => event is Event): Promise<Event>;
  until(is: (event: StatelyInspectionEvent) => boolean): Promise<StatelyInspectionEvent>;
  until(is: (event: StatelyInspectionEvent) => boolean): Promise<StatelyInspectionEvent> {
    return eventually(() => this.events.find(is));
  }

  of(sessionId: string): StatelyInspectionEvent[] {
    return this.events.filter((event) => event.sessionId === sessionId);
  }
}
