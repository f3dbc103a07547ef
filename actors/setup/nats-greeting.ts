/**
 * What is known of a port before a client connects: whether it is free, and the INFO line with which every
 * nats-server greets (https://docs.nats.io/reference/reference-protocols/nats-protocol#info).
 */

import { connect, createServer } from 'node:net';

const GREETING_DEADLINE_MS = 1_000;

export interface NatsGreeting {
  version: string;
  serverName: string;
  hasJetStream: boolean;
}

/** Undefined when nobody listens there, or somebody who is no nats-server. */
export function readGreeting(host: string, port: number): Promise<NatsGreeting | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let text = '';
    const finish = (greeting?: NatsGreeting) => {
      socket.destroy();
      resolve(greeting);
    };
    socket.setTimeout(GREETING_DEADLINE_MS, () => finish());
    socket.setEncoding('utf8');
    socket.on('error', () => finish());
    socket.on('end', () => finish());
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\r\n');
      if (end >= 0) finish(parseGreeting(text.slice(0, end)));
    });
  });
}

export function parseGreeting(line: string): NatsGreeting | undefined {
  if (!line.startsWith('INFO ')) return undefined;
  try {
    const info = JSON.parse(line.slice(5)) as { version?: string; server_name?: string; jetstream?: boolean };
    return {
      version: info.version ?? 'unknown',
      serverName: info.server_name ?? '',
      hasJetStream: info.jetstream === true,
    };
  } catch {
    return undefined;
  }
}

export async function isNatsAt(host: string, port: number): Promise<boolean> {
  return (await readGreeting(host, port)) !== undefined;
}

export function canBind(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
