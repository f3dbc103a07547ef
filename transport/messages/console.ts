/**
 * What is said around the bytes of a guest's console: by the web server to whoever opens one, over a WebSocket, and by
 * either end of the way over the bus to the other when it is over. The bytes themselves: `transport/console/`.
 */
import Type, { type Static } from 'typebox';
import { codec } from './codec.ts';
import { Described, Exact, FailureSchema, OneOf } from './common.ts';

export const ConsoleKind = Described(
  OneOf(['serial', 'vnc']),
  'serial: what the guest writes to its first serial port, and reads from there; vnc: its screen, keyboard and pointer',
);
export type ConsoleKind = Static<typeof ConsoleKind>;

/** Names the host that knows it. Secret: whoever shows it first has the console. */
export const ConsoleToken = Type.String({
  minLength: 1,
  maxLength: 512,
  pattern: '^=?[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$',
  description: 'to be shown within seconds, once; secret',
});

/** Client → web server, as the first text message on `/console`; all that follows is bytes, in binary messages. */
export const consoleRequest = codec('console request', Exact({ token: ConsoleToken }), { maxBytes: 4_096 });

/**
 * Web server → client, as text between the bytes: `ready` when bytes go both ways from then on, `failure` when they do not,
 * or not any more; then the socket is closed.
 */
export const consoleNotice = codec(
  'console notice',
  Type.Union([
    Exact({ type: Type.Literal('ready'), kind: ConsoleKind }),
    Exact({ type: Type.Literal('failure'), failure: FailureSchema }),
  ]),
);

/** One end → the other: why it is over. */
export const consoleEnd = codec('console end', Exact({ failure: FailureSchema }));
