/**
 * The web server: browsers, and programs that speak HTTP, come in by it. It keeps nothing and decides nothing: whatever is
 * asked it asks the API server, with the token of whoever asks; beside that it tells them what happens.
 */
import { apiBridge } from '../../transport/http/api-bridge.ts';
import { makeApp } from '../../transport/http/app.ts';
import { consoleSocket } from '../../transport/http/console-socket.ts';
import type { Routes } from '../../transport/http/context.ts';
import type { Door } from '../../transport/http/door.ts';
import { figureRoutes } from '../../transport/http/figure-routes.ts';
import { health } from '../../transport/http/health.ts';
import { inspectSocket } from '../../transport/http/inspect-socket.ts';
import { liveSocket } from '../../transport/http/live-socket.ts';
import { pages } from '../../transport/http/pages.ts';
import { sessionRoutes } from '../../transport/http/session-routes.ts';
import { Sockets } from '../../transport/http/sockets.ts';
import { FactFollower } from '../../transport/nats/fact-follower.ts';
import { outageLog } from '../runtime/outage-log.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { dashboardFolder } from '../setup/dashboard.ts';
import { CloudFigures } from './cloud-figures.ts';
import { InspectionWatch } from './inspection-watch.ts';

export interface WebOptions {
  /** Open already, and left open. */
  door: Door;
  /** Where the pages are; what set-up has built unless given. */
  pages?: string;
}

const routes: readonly Routes[] = [
  sessionRoutes,
  apiBridge,
  liveSocket,
  consoleSocket,
  inspectSocket,
  figureRoutes,
  health,
  pages,
];

export async function startWebServer(
  runtime: Runtime,
  { door, pages: folder = dashboardFolder }: WebOptions,
): Promise<Part> {
  const { bus, clock, logger } = runtime;
  const sockets = new Sockets({ bus, clock });
  const facts = new FactFollower(bus, outageLog(logger, 'what happens'));
  const figures = new CloudFigures(runtime, facts);
  const machines = new InspectionWatch(runtime);
  const { trustedProxies, signIns } = door;
  const context = {
    bus,
    clock,
    logger,
    facts,
    figures,
    machines,
    sockets,
    signIns,
    trustedProxies,
    pages: folder,
  };
  const app = await makeApp(context, routes);
  const leave = door.serve({
    request: app.routing,
    upgrade: (request, head) => sockets.upgrade(app, request, head),
  });
  return {
    async stop() {
      await sockets.stop();
      await leave();
      await app.close();
      figures.stop();
      machines.stop();
      await facts.stop();
    },
  };
}
