/** The figures of one run: collected under documented keys, printed as they come, written as JSON at the end. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { documented } from './figures.ts';

export interface Figure {
  value: number;
  unit: string;
  /** How many measurements the value rests on. */
  samples: number;
}

export class Report {
  readonly figures = new Map<string, Figure>();
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  say(line: string): void {
    this.#write(line);
  }

  /** Throws TypeError for a key that is not documented, or a value that is no number: a bug of the benchmark. */
  add(key: string, value: number, samples: number): void {
    const about = documented.get(key);
    if (!about) throw new TypeError(`the figure ${key} is not documented`);
    if (!Number.isFinite(value)) throw new TypeError(`the figure ${key} is ${value}`);
    this.figures.set(key, { value, unit: about.unit, samples });
    this.#write(`  ${key.padEnd(38)} ${formatNumber(value).padStart(10)} ${about.unit.padEnd(3)} of ${samples}`);
  }

  get(key: string): number | undefined {
    return this.figures.get(key)?.value;
  }

  async writeJson(path: string, settings: Record<string, unknown>): Promise<void> {
    const machine = describeMachine();
    const figures = Object.fromEntries(this.figures);
    await writeFile(path, `${JSON.stringify({ format: 1, machine, settings, figures }, undefined, 2)}\n`);
  }
}

export function describeMachine() {
  return {
    node: process.version,
    cpus: availableParallelism(),
    model: cpus()[0]?.model ?? 'unknown',
    /** Of the last minute: above the number of CPUs, absolute figures mean little. */
    load: Number(loadavg()[0]?.toFixed(2)),
  };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The nearest rank; NaN of nothing. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] ?? Number.NaN;
}

function formatNumber(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return value.toFixed(0);
  return value.toFixed(2);
}
