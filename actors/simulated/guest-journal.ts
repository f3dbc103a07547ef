/**
 * Keeps what a simulated host holds in a file, so that a process that is killed leaves its guests as one with a real
 * hypervisor does. Each change is a line, `[kind, key, value]`, or `[kind, key]` for what is gone, written before the step
 * goes on: what a step has done is there, what it has not begun is not. Read, and written anew without its history, when
 * it is opened.
 *
 * The system call is what is waited for, not the disk: it outlives the process, not a power cut, as nothing simulated has to.
 */
import { mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fail, toFailure } from '../../machines/failure.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';

export type JournalLine = [kind: string, key: string, value?: unknown];

export class GuestJournal {
  readonly #descriptor: number;
  /** Whether the last line has no end: the disk was full. */
  #isTorn = false;
  /** Read from the file, until somebody asks for its kind. */
  readonly #read = new Map<string, Map<string, unknown>>();

  /** The folder is made when it is missing. One process at a time. */
  constructor(file: string) {
    for (const [kind, key, value] of readLines(file)) {
      const kept = this.#read.get(kind) ?? new Map<string, unknown>();
      this.#read.set(kind, kept);
      if (value === undefined) kept.delete(key);
      else kept.set(key, value);
    }
    const lines = [...this.#read].flatMap(([kind, kept]) => Array.from(kept, ([key, value]) => [kind, key, value]));
    this.#descriptor = openAnew(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  /** The map of one kind of things, as it was left. A value that is changed has to be set again. */
  map<Value>(kind: string): Map<string, Value> {
    const kept = this.#read.get(kind) as Map<string, Value> | undefined;
    this.#read.delete(kind);
    return new JournaledMap<Value>(kept, (key, value) =>
      this.#append(value === undefined ? [kind, key] : [kind, key, value]),
    );
  }

  #append(line: JournalLine): void {
    const bytes = Buffer.from(`${this.#isTorn ? '\n' : ''}${JSON.stringify(line)}\n`);
    this.#isTorn = true;
    if (writeSync(this.#descriptor, bytes) < bytes.length) {
      throw fail('disk_full', 'the journal of the simulated host cannot be written', { disposition: 'reschedule' });
    }
    this.#isTorn = false;
  }
}

/** The file with these lines, and open for more. */
function openAnew(file: string, lines: string): number {
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(draft, lines);
    renameSync(draft, file);
    return openSync(file, 'a');
  } catch (thrown) {
    rmSync(draft, { force: true });
    throw fail('unavailable', `the journal ${file} cannot be kept: ${toFailure(thrown).message}`);
  }
}

class JournaledMap<Value> extends Map<string, Value> {
  readonly #append: (key: string, value?: Value) => void;

  constructor(kept: Map<string, Value> | undefined, append: (key: string, value?: Value) => void) {
    super();
    for (const [key, value] of kept ?? []) super.set(key, value);
    this.#append = append;
  }

  override set(key: string, value: Value): this {
    this.#append(key, value);
    return super.set(key, value);
  }

  override delete(key: string): boolean {
    if (this.has(key)) this.#append(key);
    return super.delete(key);
  }

  override clear(): void {
    for (const key of [...this.keys()]) this.delete(key);
  }
}

/** Where the journal of a host is, in its state folder. */
export function journalFile(stateDir: string, host: string): string {
  return join(stateDir, 'compute', `simulated-${encodeToken(host)}.journal`);
}

function readLines(file: string): JournalLine[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw fail('unavailable', `the journal ${file} cannot be read: ${toFailure(error).message}`);
  }
  return parseLines(text);
}

/** A line that is not whole was being written when the process was killed, or the disk full: what it tells of was not done. */
export function parseLines(text: string): JournalLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as JournalLine];
    } catch {
      return [];
    }
  });
}
