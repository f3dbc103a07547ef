/** What comes from files and from the keyboard rather than from the command line. */
import { createReadStream } from 'node:fs';
import process, { stderr, stdin } from 'node:process';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { fail, toFailure } from '../../../machines/failure.ts';

const standardInput = '-';
/** More than a request carries: what goes on for ever is not read until there is no memory left. */
const mostBytes = 1024 * 1024;

export async function readBytes(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of path === standardInput ? stdin : createReadStream(path)) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > mostBytes) throw new Error(`it has more than ${mostBytes} bytes`);
    }
    return Buffer.concat(chunks);
  } catch (thrown) {
    throw fail('invalid_request', `cannot be read: ${toFailure(thrown).message}`);
  }
}

export async function readBase64(path: string): Promise<string> {
  return (await readBytes(path)).toString('base64');
}

/** `/etc/motd=motd.txt`: where in the guest, and what of ours. */
export function fileContents(given: string[]): Promise<{ path: string; contents: string }[]> {
  return Promise.all(
    given.map(async (text) => {
      const at = text.indexOf('=');
      if (at < 1) throw fail('invalid_request', `must be /path=file, not ${text}`);
      return { path: text.slice(0, at), contents: await readBase64(text.slice(at + 1)) };
    }),
  );
}

/** The first line of a file; `-` asks for it where there is a keyboard, without showing what is typed. */
export async function readSecret(path: string, question = 'Password: '): Promise<string> {
  if (askedFor(path)) return askSecretly(question);
  return (await readBytes(path)).toString('utf8').split(/\r?\n/)[0] ?? '';
}

/** Whether somebody at a keyboard types it. */
export function askedFor(path: string): boolean {
  return path === standardInput && stdin.isTTY;
}

/** `default`, or `default:10.20.0.9`. */
export function networkWish(text: string): { network: string; fixedIp?: string } {
  const [, network = text, fixedIp] = /^(.+):(\d+\.\d+\.\d+\.\d+)$/.exec(text) ?? [];
  return { network, ...(fixedIp !== undefined && { fixedIp }) };
}

async function askSecretly(question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // First of all: what is typed early must not be shown either.
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true });
  const close = () => lines.close();
  // The terminal makes no signal of Ctrl-C while each key is read; with nobody reading, the process can end.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  process.once('SIGINT', close);
  stderr.write(question);
  try {
    return await lines.question('');
  } finally {
    process.off('SIGINT', close);
    lines.close();
    stderr.write('\n');
  }
}
