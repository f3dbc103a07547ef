/**
 * Whoever follows a stream that somebody has removed waits on, and is told nothing of the one that stands in its place, or
 * only what comes after the old place. So it is looked now and then whether what is heard is what there is.
 */
import type { StreamInfo } from '@nats-io/jetstream';
import { type Clock, every } from '../clock.ts';
import { isStreamGone } from './ensure-stream.ts';

export interface FollowedStream {
  /** When the one that is followed was made. */
  made: string;
  /** The last place of it that is due to be heard by the first look. */
  due: number;
  /** The last place that was heard by now. */
  heard(): number;
  /** How it stands on the server. */
  ask(): Promise<Pick<StreamInfo, 'created'> & { state: Pick<StreamInfo['state'], 'last_seq'> }>;
}

/** How often it is looked (ms). */
const lookEveryMs = 10_000;

/** Calls `end` when what is followed has to be begun anew; returns the function that ends this. */
export function endWhenDeaf(clock: Clock, { made, due, heard, ask }: FollowedStream, end: () => void): () => void {
  return every(clock, lookEveryMs, async () => {
    // What is stored while it is answered may be heard before the answer is.
    const before = heard();
    try {
      const { created, state } = await ask();
      if (created !== made || state.last_seq < before || heard() < due) end();
      due = state.last_seq;
    } catch (error) {
      // A server that does not answer is told of by the connection.
      if (isStreamGone(error)) end();
    }
  });
}
