/** Keeps the casts that a consumer could not apply, for an operator to look at, and tells of them. */
import type { Failure } from '../../machines/failure.ts';
import { type DeadLetter, maxDeadBytes } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import { readContext } from '../../transport/nats/call-context.ts';
import { consumerEnded, type DeadLetters } from '../../transport/nats/cast.ts';
import { idHeader } from '../../transport/nats/message-id.ts';
import { nameOf } from '../../transport/nats/subjects.ts';
import type { Delivery } from '../../transport/nats/work-queue.ts';
import { deadLetterKey } from '../records/keys.ts';
import { raiseAlarm } from './alarms.ts';
import type { Runtime } from './runtime.ts';

/** `consumer` is the name of the durable consumer whose casts they are. */
export async function openDeadLetters(runtime: Runtime, consumer: string): Promise<DeadLetters> {
  return new KeptDeadLetters(runtime, consumer, await runtime.store.bucket('deadLetter'));
}

class KeptDeadLetters implements DeadLetters {
  readonly #runtime: Runtime;
  readonly #consumer: string;
  readonly #bucket: Bucket<DeadLetter>;

  constructor(runtime: Runtime, consumer: string, bucket: Bucket<DeadLetter>) {
    this.#runtime = runtime;
    this.#consumer = consumer;
    this.#bucket = bucket;
  }

  async begin(delivery: Delivery): Promise<boolean> {
    const created = await this.#bucket.create(this.#keyOf(delivery), this.#letter(delivery, consumerEnded));
    return created !== conflict;
  }

  async withdraw(delivery: Delivery): Promise<void> {
    await this.#bucket.remove(this.#keyOf(delivery));
  }

  async keep(delivery: Delivery, failure: Failure): Promise<void> {
    const key = this.#keyOf(delivery);
    // What was wrong is known better by who has seen it fail than by who has found it.
    if (failure !== consumerEnded) await this.#bucket.put(key, this.#letter(delivery, failure));
    const { message } = (await this.#bucket.get(key))?.value.failure ?? failure;
    raiseAlarm(this.#runtime, {
      kind: 'dead-letter',
      message: `${nameOf(delivery.subject)} for ${this.#consumer} could not be applied: ${message}`,
      deadLetter: key,
    });
  }

  /** The same for a message whenever it comes, and for no other, also of a work queue that was made anew. */
  #keyOf({ takenAt, sequence }: Delivery): string {
    return deadLetterKey(this.#consumer, takenAt, sequence);
  }

  #letter({ subject, headers, data, count, takenAt }: Delivery, failure: Failure): DeadLetter {
    const messageId = headers?.get(idHeader);
    return {
      subject,
      ...(messageId && { messageId }),
      context: readContext(headers),
      ...contentOf(data),
      consumer: this.#consumer,
      deliveries: count,
      failure,
      takenAt,
      failedAt: this.#runtime.clock.now(),
    };
  }
}

function contentOf(data: Uint8Array): Pick<DeadLetter, 'body' | 'bytes' | 'isCut'> {
  const isCut = data.length > maxDeadBytes;
  try {
    if (!isCut) return { body: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data)) };
  } catch {
    // It is kept as bytes.
  }
  const bytes = Buffer.from(data.subarray(0, maxDeadBytes)).toString('base64');
  return { bytes, ...(isCut && { isCut }) };
}
