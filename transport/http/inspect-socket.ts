/**
 * The machines of the cloud, for a statechart inspector: a WebSocket on which each message is an event of the Stately
 * inspection protocol, as `createWebSocketReceiver` of @statelyai/inspect takes it. `?instance=<uuid>` or `?host=<name>` shows
 * one machine; without, all of them.
 *
 * A client that has just come, and one that is too slow, are the same: each is behind on some actors, and is sent of each
 * of these how it stands by then, and nothing of what led there. What is kept for one is therefore which actors, never
 * what happened to them. Who watches everything is sent each definition once for a process, and then its id alone.
 * Where a process has more actors than can be kept of it, the others are shown as one that says so by its name.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { ActorTold, EventTold, SnapshotTold } from '../messages/inspection.ts';
import type { Routes } from './context.ts';
import type { Change, Definition, InspectionSource, WatchedActor } from './inspection-source.ts';
import { isAdministrator } from './session.ts';

/** How much may wait to be sent to a client before it is cut down, in bytes. */
const mostBuffered = 256 * 1024;

/** Of the WebSocket protocol: what was asked for is not possible. */
const policyViolation = 1008;

/** `/inspect`, for administrators. */
export const inspectSocket: Routes = (app, { sockets, machines }) => {
  sockets.route(app, '/inspect', (socket, { query, connection }) => showMachines(machines, socket, query, connection), {
    admits: isAdministrator,
  });
};

/** `connection`: the one beneath the socket. */
export function showMachines(
  source: InspectionSource,
  socket: WebSocket,
  query: URLSearchParams,
  connection: Duplex,
): void {
  const asked = machineAskedFor(query);
  if ('refusal' in asked) {
    socket.close(policyViolation, asked.refusal);
    return;
  }
  const client = new InspectClient(socket, connection, asked.machine);
  const watching = source.watch(asked.machine, (changes) => client.take(changes));
  socket.on('close', () => watching.end());
  client.catchUpOn(watching.actors());
}

function machineAskedFor(query: URLSearchParams): { machine: string | undefined } | { refusal: string } {
  const asked = [...query].filter(([name]) => name === 'instance' || name === 'host');
  const [[kind, name] = []] = asked;
  if (asked.length > 1) return { refusal: 'one instance, or one host, or all' };
  if (name !== undefined && !/^.{1,255}$/.test(name)) return { refusal: `no ${kind} has that name` };
  return { machine: name === undefined ? undefined : `${kind}/${name}` };
}

class InspectClient {
  readonly #socket: WebSocket;
  readonly #connection: Duplex;
  readonly #machine: string | undefined;
  /** Those that it has been introduced to. */
  readonly #known = new WeakSet<WatchedActor>();
  /** Those of which it has missed something. */
  readonly #behind = new Set<WatchedActor>();
  /** Those that it has. */
  readonly #definitions = new WeakSet<Definition>();

  constructor(socket: WebSocket, connection: Duplex, machine: string | undefined) {
    this.#socket = socket;
    this.#connection = connection;
    this.#machine = machine;
  }

  take(changes: readonly Change[]): void {
    this.#inOneWrite(() => {
      for (const { actor, told } of changes) {
        if (this.#isSlow || this.#behind.has(actor)) this.#miss(actor);
        else if (told.type === '@xstate.actor') this.#introduce(actor, told);
        else if (this.#known.has(actor)) this.#send(encode(told));
        else this.#miss(actor);
      }
    });
  }

  catchUpOn(actors: Iterable<WatchedActor>): void {
    for (const actor of actors) this.#miss(actor);
    this.#catchUp();
  }

  get #isSlow(): boolean {
    return this.#socket.bufferedAmount > mostBuffered;
  }

  #miss(actor: WatchedActor): void {
    // It need not hear of what has ended before it heard of it.
    if (actor.isOver && !this.#known.has(actor)) this.#behind.delete(actor);
    else this.#behind.add(actor);
  }

  readonly #catchUp = (): void => {
    if (this.#behind.size === 0 || this.#isSlow) return;
    this.#inOneWrite(() => {
      for (const actor of this.#behind) {
        if (this.#isSlow) return;
        this.#behind.delete(actor);
        if (this.#known.has(actor)) this.#send(encode(actor.latest));
        else if (!actor.isOver) this.#introduce(actor, actor.introduction);
      }
    });
  };

  #introduce(actor: WatchedActor, told: ActorTold): void {
    this.#known.add(actor);
    const { definition } = actor;
    const isShort = definition !== undefined && this.#machine === undefined && this.#definitions.has(definition);
    if (definition) this.#definitions.add(definition);
    this.#send(encodeActor(told, definition, isShort));
  }

  #send(message: Buffer): void {
    this.#socket.send(message, { binary: false }, this.#catchUp);
  }

  /** A write to the socket costs many times what a message does. */
  #inOneWrite(send: () => void): void {
    this.#connection.cork();
    send();
    this.#connection.uncork();
  }
}

/** What was encoded for one client is for all. */
const encoded = new WeakMap<object, Buffer>();

function encode(told: EventTold | SnapshotTold): Buffer {
  const known = encoded.get(told);
  if (known) return known;
  const message = Buffer.from(JSON.stringify(told));
  encoded.set(told, message);
  return message;
}

/** What has no chart of its own is told of, as the protocol has it, by a definition of nothing but a name. */
function encodeActor({ machine: _, ...told }: ActorTold, definition: Definition | undefined, isShort: boolean): Buffer {
  const text = definition && !isShort ? definition.text : JSON.stringify({ id: definition?.id ?? told.name });
  return Buffer.from(JSON.stringify({ ...told, definition: text }));
}
