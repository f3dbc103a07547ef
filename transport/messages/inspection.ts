/**
 * What is seen of the machines of a process by whoever watches them: events of the Stately inspection protocol, as
 * @statelyai/inspect 0.7 sends and receives them. Subjects: `transport/nats/subjects.ts`.
 *
 * What is not listed here never leaves its process: the schema of a frame is the list of what may be shown (`cut.ts`).
 */
import Type, { type TProperties } from 'typebox';
import { codec } from './codec.ts';
import { Exact, OneOf, Uuid } from './common.ts';

/** Of the protocol; whoever hears an event knows it for one by this. */
export const protocolVersion = '0.7.2';

/** How many events a frame holds at most. */
export const mostEvents = 50;
/** How many machines can be asked for by their names; who wants more is told of all. */
export const mostNames = 100;

/** `instance/<uuid>` or `host/<name>`: one machine of all, whichever processes it runs in. */
const MachineName = Type.String({ pattern: '^(instance|host)/.{1,255}$', maxLength: 264 });

/** As much of it as is there. */
const Shown = <P extends TProperties>(properties: P) =>
  Type.Partial(Type.Object(properties), { additionalProperties: false });

const Text = Type.String({ maxLength: 1024 });
const Name = Type.String({ maxLength: 256 });

const Failure = Shown({ code: Name, message: Text, disposition: Name, step: Name, at: Type.Number() });
const Flavor = Shown({
  id: Name,
  name: Name,
  vcpus: Type.Number(),
  memoryMb: Type.Number(),
  rootGb: Type.Number(),
});
const Ports = Type.Array(
  Shown({ id: Name, networkId: Name, mac: Name, addresses: Type.Array(Name, { maxItems: 16 }) }),
  { maxItems: 64 },
);

/** What the charts know; what is to be put on a guest they know by a key only, and that is not shown either. */
const Context = Shown({
  uuid: Name,
  name: Name,
  maxAttempts: Type.Number(),
  attempt: Type.Number(),
  connection: Type.Number(),
  host: Name,
  tried: Type.Array(Shown({ host: Name, failure: Failure }), { maxItems: 16 }),
  ports: Ports,
  isDeleteWanted: Type.Boolean(),
  isToRun: Type.Boolean(),
  imageId: Name,
  wantedFlavor: Flavor,
  flavor: Flavor,
  previousFlavor: Flavor,
  lostHost: Name,
  wantedHost: Name,
  sharedDisks: Name,
  disabledReason: Text,
  fault: Failure,
  scheduledAt: Type.Number(),
  launchedAt: Type.Number(),
  terminatedAt: Type.Number(),
});

/** What effects, and charts, are begun with. */
const Input = Shown({
  uuid: Name,
  name: Name,
  attempt: Type.Number(),
  maxAttempts: Type.Number(),
  deadline: Type.Number(),
  at: Type.Number(),
});

/** What comes of effects. */
const Output = Shown({ at: Type.Number(), ports: Ports, previousFlavor: Flavor, powerState: Name });

/** What the charts, and effects, hear. */
export const Heard = Type.Interface(
  [
    Shown({
      at: Type.Number(),
      host: Name,
      how: Name,
      imageId: Name,
      flavor: Flavor,
      sharedDisks: Name,
      powerState: Name,
      reason: Text,
      failure: Failure,
      actorId: Name,
      input: Input,
      output: Output,
      error: Failure,
    }),
  ],
  { type: Name },
  { additionalProperties: false },
);

/** How a machine, or an effect of one, stands. An effect has no `value`. */
export const Seen = Type.Interface(
  [
    Shown({
      // The names of states: an open tree, which nothing but the chart itself has written.
      value: Type.Unknown(),
      context: Context,
      input: Input,
      output: Output,
      error: Failure,
    }),
  ],
  { status: OneOf(['active', 'done', 'error', 'stopped']) },
  { additionalProperties: false },
);

/** `<process>/x:<n>` of an effect, `<process>/<name>` of a machine: it is the same when its actor comes and goes. */
const SessionId = Type.String({ minLength: 1, maxLength: 512 });

const told = {
  sessionId: SessionId,
  /** Of the machine that it is, or is an effect of. */
  rootId: SessionId,
  /** Epoch ms, as text. */
  createdAt: Type.String({ maxLength: 32 }),
  id: Type.Null(),
  _version: Type.Literal(protocolVersion),
};

export const ActorTold = Exact({
  type: Type.Literal('@xstate.actor'),
  ...told,
  parentId: Type.Optional(SessionId),
  /** `instance/<uuid>` or `host/<name>`, or what the effect is called. */
  name: Type.String({ maxLength: 264 }),
  /** By which its definition is known, which the protocol has here; absent: it is an effect, and has none. */
  machine: Type.Optional(OneOf(['instance', 'host'])),
  snapshot: Seen,
});

export const EventTold = Exact({
  type: Type.Literal('@xstate.event'),
  ...told,
  sourceId: Type.Optional(SessionId),
  event: Heard,
});

export const SnapshotTold = Exact({
  type: Type.Literal('@xstate.snapshot'),
  ...told,
  event: Heard,
  snapshot: Seen,
});

export type ActorTold = Type.Static<typeof ActorTold>;
export type EventTold = Type.Static<typeof EventTold>;
export type SnapshotTold = Type.Static<typeof SnapshotTold>;
export type Told = ActorTold | EventTold | SnapshotTold;

const Watch = Exact({
  /** Who watches. One who wants to see something else, or has missed something, takes another name. */
  watcher: Uuid,
  /** For how long it does; 0: no longer. */
  leaseMs: Type.Integer({ minimum: 0, maximum: 60_000 }),
  /** Absent: all of them. */
  machines: Type.Optional(Type.Array(MachineName, { maxItems: mostNames })),
});
export type Watch = Type.Static<typeof Watch>;

const Frame = Exact({
  /** Counts the frames of a process: where one is left out, something was missed. */
  sequence: Type.Integer({ minimum: 0 }),
  /** The definitions of the process's machines, as JSON: for each new watcher, before anything of theirs. */
  definitions: Type.Optional(
    Type.Array(Exact({ machine: OneOf(['instance', 'host']), definition: Type.String() }), { maxItems: 2 }),
  ),
  events: Type.Array(Type.Union([ActorTold, EventTold, SnapshotTold]), { maxItems: mostEvents }),
  /** The watcher who has by now been told of all that it wants to see. */
  whole: Type.Optional(Uuid),
});
export type Frame = Type.Static<typeof Frame>;

/** Neither is stored, and what is lost is lost: a watcher who has missed something asks again. */
export const inspection = {
  /** Web server → every process that has machines: as long as somebody watches. */
  watch: codec('inspection watch', Watch),
  /** Process → web servers. An empty one says that the process lives. */
  frame: codec('inspection frame', Frame),
} as const;
