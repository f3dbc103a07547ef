/** `/console`: the console of a guest, for whoever is signed in and shows the token that the API has given. */
import { serveConsole } from '../console/serve-console.ts';
import type { Routes } from './context.ts';

export const consoleSocket: Routes = (app, { bus, sockets }) => {
  sockets.route(app, '/console', (socket) => serveConsole(bus, socket));
};
