/** A console in a browser: what it is told and shown, and somebody to type. */
import type { WebSocket } from 'ws';
import { api } from '../../transport/messages/api.ts';
import { type ConsoleKind, consoleNotice } from '../../transport/messages/console.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import type { Browser } from '../http/support.ts';
import { eventually } from '../support/test-cloud.ts';

export class ConsoleClient {
  readonly socket: WebSocket;
  readonly notices: ReturnType<typeof consoleNotice.decode>[] = [];
  /** What the guest has written. */
  bytes = Buffer.alloc(0);
  received = 0;
  closeCode: number | undefined;

  /** Shows the token as soon as it can. */
  constructor(browser: Browser, token: string) {
    this.socket = browser.open('/console');
    this.socket.on('open', () => this.socket.send(JSON.stringify({ token })));
    this.socket.on('message', (message: Buffer, isBinary) => {
      if (!isBinary) this.notices.push(consoleNotice.decode(message));
      else {
        this.received += message.length;
        this.bytes = Buffer.concat([this.bytes, message]).subarray(-1024 * 1024);
      }
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', (code) => {
      this.closeCode = code;
    });
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  async ready(): Promise<this> {
    const notice = await eventually(() => this.notices[0]);
    if (notice.type !== 'ready') throw new Error(`not ready: ${notice.failure.message}`);
    return this;
  }

  type(text: string | Uint8Array): void {
    this.socket.send(Buffer.from(text));
  }

  /** Resolves when the guest has written it. */
  until(pattern: RegExp, deadlineMs?: number): Promise<RegExpExecArray> {
    return eventually(() => pattern.exec(this.text) ?? undefined, deadlineMs);
  }

  /** Resolves, with the failure that was told, when it is closed. */
  async ended(deadlineMs?: number) {
    await eventually(() => this.closeCode, deadlineMs);
    const last = this.notices.at(-1);
    if (last?.type !== 'failure') throw new Error('it was closed without a word');
    return last.failure;
  }
}

export async function tokenFor(client: ApiClient, uuid: string, kind: ConsoleKind = 'serial'): Promise<string> {
  const { console } = await client.ask(api.instance.openConsole, { uuid, kind });
  return console.token;
}

/** Resolves with what is counted, when it has not grown for a while. */
export async function standstill(count: () => number): Promise<number> {
  let [seen, since] = [count(), performance.now()];
  return eventually(() => {
    if (count() !== seen) [seen, since] = [count(), performance.now()];
    return performance.now() - since > 500 ? seen : undefined;
  });
}
