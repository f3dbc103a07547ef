/** What the routes of the web server go by. */
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Launch } from '../messages/statistics.ts';
import type { Bus } from '../nats/bus.ts';
import type { FactFollower } from '../nats/fact-follower.ts';
import type { InspectionSource } from './inspection-source.ts';
import type { SignInLimit } from './sign-in-limit.ts';
import type { Sockets } from './sockets.ts';

/** What is made of what happens. Without a project it is of all. */
export interface Figures {
  /** As JSON: `Statistics`. */
  statistics(projectId: string | undefined): string;
  launch(uuid: string, projectId: string | undefined): Launch | undefined;
  /** In the exposition format of Prometheus, with what the API tells who shows the token. */
  metrics(secret: string): Promise<string>;
}

export interface WebContext {
  bus: Bus;
  clock: Clock;
  logger: Logger;
  facts: FactFollower;
  figures: Figures;
  machines: InspectionSource;
  sockets: Sockets;
  /** Of all ways to sign in. */
  signIns: SignInLimit;
  /** Blocks of addresses: what whoever has one of these says of those for whom they ask is believed. */
  trustedProxies: readonly string[];
  /** Where the pages are. */
  pages: string;
}

/** Adds what it has to answer; what it throws, and what its answers reject with, is told to whoever asked. */
export type Routes = (app: FastifyInstance, context: WebContext) => void | Promise<void>;
