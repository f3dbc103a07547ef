/** What one client is sent by a socket of its own: all that happens, or, when it cannot follow, how things stand. */
import { once } from 'node:events';
import type { StatelyInspectionEvent } from '@statelyai/inspect';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { WatchedProcess } from '../../actors/web/watched-process.ts';
import type { Change, InspectionSource } from '../../transport/http/inspection-source.ts';
import type { ActorTold, SnapshotTold, Told } from '../../transport/messages/inspection.ts';
import { eventually } from '../support/test-cloud.ts';
import { Receiver, serveInspector } from './support.ts';

const about = (name: string) => ({
  sessionId: `process/${name}`,
  rootId: `process/${name}`,
  createdAt: '1',
  id: null,
  _version: '0.7.2' as const,
});

const actor = (name: string): ActorTold => ({
  type: '@xstate.actor',
  ...about(name),
  name,
  machine: 'instance',
  snapshot: { status: 'active', value: 'scheduling' },
});

/** The `n`th of a machine; long enough that a few thousand fill whatever buffers there are. */
const snapshot = (name: string, n: number, status: SnapshotTold['snapshot']['status'] = 'active'): SnapshotTold => ({
  type: '@xstate.snapshot',
  ...about(name),
  event: { type: 'test' },
  snapshot: { status, value: 'running', context: { attempt: n, disabledReason: 'x'.repeat(1000) } },
});

/** One process with machines of the test's own. */
function source() {
  const process = new WatchedProcess('process');
  const listeners = new Set<(changes: readonly Change[]) => void>();
  let sequence = 0;
  return {
    watch(_, listener) {
      listeners.add(listener);
      return { actors: () => process.actors(), end: () => listeners.delete(listener) };
    },
    listeners,
    tell(...events: Told[]) {
      const definitions =
        sequence === 0 ? [{ machine: 'instance' as const, definition: '{"id":"instance","states":{}}' }] : [];
      const changes = process.take({ sequence: sequence++, definitions, events }, 'watcher');
      for (const listener of listeners) listener(changes);
    },
  } satisfies InspectionSource & Record<string, unknown>;
}

/** A client that reads when it is let. */
async function connect(url: string) {
  const socket = new WebSocket(url);
  const events: StatelyInspectionEvent[] = [];
  socket.on('message', (data) => events.push(JSON.parse(String(data))));
  onTestFinished(() => socket.terminate());
  await once(socket, 'open');
  return { socket, events };
}

const nOf = (event: StatelyInspectionEvent | undefined) =>
  event && 'snapshot' in event ? (event.snapshot as unknown as SnapshotTold['snapshot']).context?.attempt : undefined;

it('cuts a client that is too slow down to the latest of each actor, and keeps next to nothing for it', async () => {
  const machines = source();
  const server = await serveInspector(machines);
  const names = Array.from({ length: 50 }, (_, index) => `instance/${index}`);
  machines.tell(...names.map(actor));
  const slow = await connect(server.url);
  const quick = await connect(server.url);
  await eventually(() => slow.events.length === 50 || undefined);
  slow.socket.pause();
  const rounds = 1000;
  let mostBuffered = 0;
  for (let n = 1; n <= rounds; n++) {
    machines.tell(...names.map((name) => snapshot(name, n)));
    mostBuffered = Math.max(mostBuffered, server.sockets[0]?.bufferedAmount ?? 0);
    if (n % 10 === 0) await eventually(() => quick.events.length === 50 + 50 * n || undefined);
  }
  // One that ends, one that begins, and one that does both, while it does not look.
  machines.tell(snapshot('instance/0', rounds + 1, 'done'), actor('instance/new'), actor('instance/brief'));
  machines.tell(snapshot('instance/brief', 1, 'done'));
  await eventually(() => nOf(quick.events.at(-1)) === 1 || undefined);
  slow.socket.resume();
  await eventually(() => slow.events.find(({ sessionId }) => sessionId === 'process/instance/new'));
  machines.tell(snapshot('instance/new', 7));
  await eventually(() => slow.events.find((event) => nOf(event) === 7));

  expect(mostBuffered).toBeLessThan(512 * 1024);
  expect(slow.events.length).toBeLessThan(quick.events.length / 2);
  const lastOf = (name: string) => slow.events.findLast(({ sessionId }) => sessionId === `process/${name}`);
  expect(lastOf('instance/0')).toMatchObject({ snapshot: { status: 'done', context: { attempt: rounds + 1 } } });
  for (const name of names.slice(1)) expect(nOf(lastOf(name))).toBe(rounds);
  expect(lastOf('instance/brief')).toBeUndefined();
  for (const name of names) {
    const ns = slow.events.filter(({ sessionId }) => sessionId === `process/${name}`).map((event) => nOf(event) ?? 0);
    expect(ns).toEqual(ns.toSorted((a, b) => a - b));
  }
});

it('shows thousands of machines to who comes late, bit by bit', async () => {
  const machines = source();
  const server = await serveInspector(machines);
  const names = Array.from({ length: 5000 }, (_, index) => `instance/${index}`);
  machines.tell(...names.map(actor));
  machines.tell(...names.map((name) => snapshot(name, 3)));
  const receiver = new Receiver(server.url);
  await eventually(() => server.sockets[0]);
  expect(server.sockets[0]?.bufferedAmount).toBeLessThan(512 * 1024);
  await eventually(() => receiver.events.length === 5000 || undefined);
  expect(receiver.events.every((event) => event.type === '@xstate.actor' && nOf(event) === 3)).toBe(true);
  expect(receiver.events.map(({ sessionId }) => sessionId)).toEqual(names.map((name) => `process/${name}`));
});

it('ends what it does for a client that has gone', async () => {
  const machines = source();
  const server = await serveInspector(machines);
  const client = await connect(server.url);
  await eventually(() => machines.listeners.size === 1 || undefined);
  client.socket.terminate();
  await eventually(() => machines.listeners.size === 0 || undefined);
});
