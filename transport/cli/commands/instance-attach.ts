/** `kilonova instance attach`: the serial console of an instance in this terminal, through a web server. */
import { WebSocket } from 'ws';
import { FailureError, fail } from '../../../machines/failure.ts';
import { SocketStream } from '../../console/socket-stream.ts';
import { api } from '../../messages/api.ts';
import { consoleNotice } from '../../messages/console.ts';
import { findToken, findWebUrl } from '../client/access.ts';
import type { Invocation } from '../client/invocation.ts';
import type { Verb } from '../client/noun.ts';
import { bodyOf } from '../client/request-body.ts';
import { definitions, type Settings } from '../settings.ts';
import { warn } from '../tell.ts';

/** Ctrl-], as in telnet and virsh: what else is typed is the guest's. */
const leave = 0x1d;

export const attachVerb: Verb = {
  word: 'attach',
  endpoint: api.instance.openConsole,
  description:
    'Has the serial console of a running instance in this terminal, until Ctrl-]. Whoever has it already loses it.',
  arguments: ['uuid'],
  without: ['kind'],
  extra: [definitions.web],
  run: attach,
  example: 'web',
};

async function attach(invocation: Invocation): Promise<void> {
  const { client, command, output, signal } = invocation;
  const { uuid } = (await bodyOf(invocation, { kind: 'serial' })) as { uuid: string };
  const reply = await client.ask(api.instance.openConsole, { uuid, kind: 'serial' });
  if (output.isJson) return output.json(reply);
  const url = new URL('console', findWebUrl(command.opts<Settings>()).value);
  url.protocol = url.protocol.replace('http', 'ws');
  const headers = { authorization: `Bearer ${findToken(command).value}` };
  const socket = new WebSocket(url, { headers });
  const ended = Promise.withResolvers<void>();
  socket.on('open', () => socket.send(JSON.stringify({ token: reply.console.token })));
  socket.on('unexpected-response', (_, { statusCode }) => ended.reject(notThere(url, `it answers ${statusCode}`)));
  socket.on('error', ({ message }) => ended.reject(notThere(url, message)));
  socket.on('close', () => ended.reject(fail('unavailable', 'the connection to the web server is lost')));
  const stream = new SocketStream(socket, (text) => {
    const notice = consoleNotice.decode(text);
    if (notice.type === 'failure') ended.reject(new FailureError(notice.failure as FailureError['failure']));
    else begin(stream, ended.resolve);
  });
  stream.on('error', () => undefined);
  signal.addEventListener('abort', () => ended.reject(signal.reason));
  try {
    await ended.promise;
  } finally {
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdin.destroy();
    socket.terminate();
    if (process.stdout.isTTY) process.stdout.write('\r\n');
  }
}

function begin(stream: SocketStream, leaveIt: () => void): void {
  if (process.stdin.isTTY) {
    warn('the console is open; Ctrl-] leaves it');
    process.stdin.setRawMode(true);
  }
  stream.pipe(process.stdout);
  process.stdin.on('data', (typed: Buffer) => {
    const at = process.stdin.isTTY ? typed.indexOf(leave) : -1;
    if (at >= 0) return leaveIt();
    // What comes out of a pipe may be more than is under way at a time.
    if (!stream.write(typed)) {
      process.stdin.pause();
      stream.once('drain', () => process.stdin.resume());
    }
  });
}

function notThere(url: URL, reason: string): FailureError {
  return fail(
    'unavailable',
    `there is no console to be had at ${url.origin}: ${reason}; --web says where the web server is`,
  );
}
