/** What the routes of the web server go by. */
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Bus } from '../nats/bus.ts';
import type { FactFollower } from '../nats/fact-follower.ts';
import type { SessionCookie } from './session-cookie.ts';
import type { Sockets } from './sockets.ts';

export interface WebContext {
  bus: Bus;
  clock: Clock;
  logger: Logger;
  facts: FactFollower;
  cookie: SessionCookie;
  sockets: Sockets;
  isEncrypted: boolean;
  /** Where the pages are. */
  pages: string;
}

/** Adds what it has to answer; what it throws, and what its answers reject with, is told to whoever asked. */
export type Routes = (app: FastifyInstance, context: WebContext) => void | Promise<void>;
