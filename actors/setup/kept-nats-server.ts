/**
 * A nats-server of our own that is kept in use. A nats-server whose disk is full acknowledges nothing more, and under load
 * answers nothing more, also when there is room again: then it is started anew, where it was and with what it has stored.
 */
import { toFailure } from '../../machines/failure.ts';
import { type Clock, every, sleep } from '../../transport/clock.ts';
import { freeBytes } from '../process/free-bytes.ts';
import { type NatsServer, type NatsServerOptions, startNatsServer } from './nats-server.ts';

export interface KeptNatsServer extends NatsServer {
  /** Looks after it from now on; returns the function that ends this. */
  watch(options: WatchOptions): () => void;
}

export interface WatchOptions {
  clock: Clock;
  /** Rejects when its JetStream does not answer: over a connection that nothing but this server can end. */
  ask: () => Promise<unknown>;
  /** Told what whoever runs the cloud should know. */
  say: (line: string) => void;
}

/** With so little left on its disk it counts as full: nats-server grows its files by less (bytes). */
const tooLittle = 8 * 1024 ** 2;
const lookEveryMs = 2_000;
/** How often in a row it may leave a look unanswered: for half a minute at least. */
const mostUnanswered = 15;
/** How long it may take until it is ready: it reads all that it has stored first (ms). */
const readyWithinMs = 300_000;

/** As `startNatsServer`; `signal` ends the waiting for the first start of it. */
export async function startKeptNatsServer(options: NatsServerOptions, signal?: AbortSignal): Promise<KeptNatsServer> {
  let server = await startNatsServer(options, { readyWithinMs, ...(signal && { signal }) });
  const { url, version } = server;
  const port = Number(new URL(url).port);
  const ended = Promise.withResolvers<string>();
  const stopping = new AbortController();
  let beginning: Promise<void> | undefined;

  function follow(followed: NatsServer): void {
    void followed.ended.then((sentence) => {
      if (followed === server && !beginning) ended.resolve(sentence);
    });
  }

  async function beginAnew(clock: Clock): Promise<void> {
    const { signal } = stopping;
    await server.stop();
    for (const giveUpAt = clock.now() + readyWithinMs; ; ) {
      try {
        signal.throwIfAborted();
        server = await startNatsServer({ ...options, port }, { readyWithinMs: giveUpAt - clock.now(), signal });
        return follow(server);
      } catch (thrown) {
        if (signal.aborted) return ended.resolve('nats-server was stopped');
        if (clock.now() + lookEveryMs >= giveUpAt) {
          return ended.resolve(`nats-server could not be started anew: ${toFailure(thrown).message}`);
        }
      }
      await sleep(clock, lookEveryMs, signal).catch(() => undefined);
    }
  }

  follow(server);
  return {
    url,
    version,
    get pid() {
      return server.pid;
    },
    ended: ended.promise,
    async stop() {
      stopping.abort();
      await beginning;
      await server.stop();
    },
    watch({ clock, ask, say }) {
      let isFull = false;
      let unanswered = 0;

      async function look(): Promise<void> {
        const answers = await ask().then(
          () => true,
          () => false,
        );
        unanswered = answers ? 0 : unanswered + 1;
        const wasFull = isFull;
        isFull = (await freeBytes(options.stateDir)) < tooLittle;
        if (isFull && !wasFull) {
          say(
            `! the disk of ${options.stateDir} is full: nothing new is taken, and nothing goes on, until there is room`,
          );
        }
        if (isFull || stopping.signal.aborted) return;
        if (wasFull) say(`· there is room again on the disk of ${options.stateDir}`);
        if (answers || (!wasFull && unanswered < mostUnanswered)) return;
        say('! the nats-server does not answer any more: it is started anew');
        unanswered = 0;
        beginning = beginAnew(clock).finally(() => {
          beginning = undefined;
        });
        await beginning;
      }

      return every(clock, lookEveryMs, look);
    },
  };
}
