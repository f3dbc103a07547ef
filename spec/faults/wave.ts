/** Launches that are asked for at once, and what became of them. */

import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import { isAtRest } from '../../machines/instance-states.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Asked, History } from '../checker/history.ts';
import { eventually } from '../support/test-cloud.ts';
import { type FaultClient, uuidOf } from './fault-client.ts';

/** Patient: a host that is down has to be found out, and casts to be given to somebody else. */
const deadlineMs = 120_000;

export class Wave {
  readonly uuids: readonly string[];
  /** How each was answered in the end. */
  readonly answers: Promise<Asked['outcome'][]>;
  readonly #history: History;
  readonly #beganAt = Date.now();

  constructor(client: FaultClient, history: History, names: readonly string[]) {
    this.#history = history;
    this.uuids = names.map(uuidOf);
    this.answers = Promise.all(names.map((name) => client.launch(name)));
  }

  /** Resolves in the midst of it: some are recorded, and most of those under way. */
  async isUnderWay(): Promise<void> {
    await eventually(() => this.#lives().length >= this.uuids.length / 4 || undefined, deadlineMs);
  }

  /** Resolves when nothing is under way with any of them, whatever became of it. */
  async isAtRest(): Promise<void> {
    await eventually(
      () => this.latest().filter((instance) => isAtRest(stateOf(instance))).length === this.uuids.length || undefined,
      deadlineMs,
    );
  }

  /** The records of those that have one. */
  latest(): Instance[] {
    return this.#lives().flatMap((versions) => versions.at(-1)?.record ?? []);
  }

  /** Where they stand; those that have no record stand nowhere. */
  states(): Set<string> {
    return new Set(this.uuids.map((uuid) => this.#history.latest(uuid)).map((one) => (one ? stateOf(one) : 'nowhere')));
  }

  /** Where any of them has stood until now. */
  statesSeen(): Set<string> {
    return new Set(this.#lives().flatMap((versions) => versions.map(({ record }) => stateOf(record))));
  }

  /** Once the cloud is quiet: how many run, how many failed and say why, how long it took; one line. */
  tell(): string {
    const latest = this.latest();
    const running = latest.filter((instance) => stateOf(instance) === 'running');
    const explained = latest.filter((instance) => stateOf(instance).startsWith('failed') && contextOf(instance).fault);
    const others = this.uuids.length - running.length - explained.length;
    return [
      `${this.uuids.length} launches`,
      `${running.length} running`,
      `${explained.length} failed and say why${whys(explained)}`,
      ...(others > 0 ? [`${others} neither`] : []),
      `quiet after ${(this.#quietMs() / 1000).toFixed(1)} s`,
    ].join(', ');
  }

  #lives() {
    return this.uuids.flatMap((uuid) => [this.#history.records.get(uuid) ?? []].filter(({ length }) => length > 0));
  }

  /** Until the last of them came to rest. */
  #quietMs(): number {
    const rests = this.#lives().map((versions) => versions.find(({ record }) => isAtRest(stateOf(record)))?.at ?? 0);
    return Math.max(this.#beganAt, ...rests) - this.#beganAt;
  }
}

function whys(failed: readonly Instance[]): string {
  const byCode = Map.groupBy(failed, (instance) => contextOf(instance).fault?.code);
  return failed.length === 0 ? '' : ` (${[...byCode].map(([code, those]) => `${those.length} ${code}`).join(', ')})`;
}
