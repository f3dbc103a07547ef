/**
 * The chunks of files that are being uploaded: each a message of its own in a stream that keeps the latest of each. So
 * any process can take any chunk, in any order and again, and any process can put the file together.
 */
import { DiscardPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { headers } from 'nats';
import type { Bus } from './bus.ts';
import { ensureStream } from './ensure-stream.ts';
import { publishStored } from './publish-stored.ts';
import { answered } from './store-answer.ts';
import { parseImageChunk, streams, subjects } from './subjects.ts';

const { name: stream } = streams.imageChunks;

export class ImageChunks {
  readonly #bus: Bus;

  /** Opens the stream, and makes it when it is not there. */
  static async open(bus: Bus): Promise<ImageChunks> {
    await ensureStream(bus.nats, {
      name: stream,
      subjects: [...streams.imageChunks.subjects],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      max_msgs_per_subject: 1,
    });
    return new ImageChunks(bus);
  }

  private constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Resolves when the chunk is stored; put again, it is replaced. */
  async put(image: string, file: string, offset: number, bytes: Uint8Array): Promise<void> {
    await publishStored(this.#bus, subjects.imageChunk(image, file, offset), bytes, headers());
  }

  async get(image: string, file: string, offset: number): Promise<Uint8Array | undefined> {
    const query = { last_by_subj: subjects.imageChunk(image, file, offset) };
    return (await answered(this.#bus.nats.manager.streams.getMessage(stream, query)))?.data;
  }

  /** The offsets of the chunks that are there. */
  async offsets(image: string, file: string): Promise<Set<number>> {
    const stored = await this.#subjects(subjects.imageChunks(image, file));
    return new Set(stored.map((subject) => parseImageChunk(subject).offset));
  }

  /** The images that have chunks. */
  async images(): Promise<Set<string>> {
    const stored = await this.#subjects(subjects.imageChunks());
    return new Set(stored.map((subject) => parseImageChunk(subject).image));
  }

  /** When the last chunk of the image came (epoch ms); nothing where there is none. */
  async touchedAt(image: string): Promise<number | undefined> {
    const latest = await answered(
      this.#bus.nats.manager.streams.getMessage(stream, { last_by_subj: subjects.imageChunks(image) }),
    );
    return latest?.time.getTime();
  }

  /** Removes the chunks of a file, or of all files of the image. */
  async remove(image: string, file?: string): Promise<void> {
    await answered(this.#bus.nats.manager.streams.purge(stream, { filter: subjects.imageChunks(image, file) }));
  }

  async #subjects(filter: string): Promise<string[]> {
    const { state } = await answered(this.#bus.nats.manager.streams.info(stream, { subjects_filter: filter }));
    return Object.keys(state.subjects ?? {});
  }
}
