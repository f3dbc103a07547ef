/**
 * Takes the casts out of the work queue that are done and still in it. A nats-server that is killed can forget that it
 * removed a message, and remember that it was acknowledged: nobody would be given it again, and it would stay for ever.
 */
import type { Nats } from './bus.ts';
import { streams } from './subjects.ts';

export async function removeDoneCasts({ manager }: Nats): Promise<void> {
  const { name } = streams.casts;
  const { state } = await manager.streams.info(name);
  if (state.messages === 0) return;
  for await (const { config, ack_floor } of manager.consumers.list(name)) {
    if (config.filter_subject === undefined || ack_floor.stream_seq < state.first_seq) continue;
    await manager.streams.purge(name, { filter: config.filter_subject, seq: ack_floor.stream_seq + 1 });
  }
}
