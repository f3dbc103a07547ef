import { describe, expect, it } from 'vitest';
import { actionsOf } from '../../actors/records/instance-actions.ts';
import type { InstanceFact } from '../../transport/messages/internal.ts';

const uuid = '00000000-0000-4000-8000-000000000000';
const failure = { code: 'hypervisor_error', message: 'it did not start', disposition: 'abort' } as const;
const other = { code: 'timeout', message: 'it took too long', disposition: 'abort' } as const;

/** Facts one second apart: `stop!a` is a command of request `a`, `stopping@a` a transition told as request `a`'s. */
function told(...words: (string | [string, Partial<InstanceFact>])[]): InstanceFact[] {
  return words.map((word, index) => {
    const [text, more] = typeof word === 'string' ? [word, {}] : word;
    const [name = '', requestId = ''] = text.split(/[!@]/);
    return {
      ...{ uuid, projectId: 'demo', name: 'test', vmState: 'active', attempt: 1, at: index * 1000, requestId },
      ...(text.includes('!')
        ? { type: 'command', command: name, to: name === 'create' ? 'scheduling' : 'running', userId: 'alice' }
        : { type: 'transition', to: name }),
      ...more,
    };
  });
}

const second = (count: number) => new Date(count * 1000).toISOString();
/** Each as `action:result`, with its states. */
const inShort = (facts: InstanceFact[]) =>
  actionsOf(facts).map(({ action, result, events }) => [`${action}:${result}`, ...events.map(({ state }) => state)]);

describe('an action', () => {
  it('is made of a command and the states that were entered because of it', () => {
    const facts = told(
      'create!a',
      'building.checking@a',
      ['running@a', { host: 'host1' }],
      'stop!b',
      'stopping@b',
      'stopped@b',
    );
    expect(actionsOf(facts)).toEqual([
      {
        ...{ action: 'stop', requestId: 'b', userId: 'alice', result: 'success' },
        ...{ startedAt: second(3), finishedAt: second(5) },
        events: [
          { state: 'stopping', startedAt: second(4), finishedAt: second(5) },
          { state: 'stopped', startedAt: second(5) },
        ],
      },
      {
        ...{ action: 'create', requestId: 'a', userId: 'alice', result: 'success' },
        ...{ startedAt: second(0), finishedAt: second(2) },
        events: [
          { state: 'scheduling', startedAt: second(0), finishedAt: second(1) },
          { state: 'building.checking', startedAt: second(1), finishedAt: second(2) },
          { state: 'running', startedAt: second(2), host: 'host1' },
        ],
      },
    ]);
  });

  it('is in progress until the instance is at rest', () => {
    const facts = told('create!a', 'building.checking@a', 'spawning.creatingDisks@a');
    const [action] = actionsOf(facts);
    expect(action).toMatchObject({ action: 'create', result: 'in progress' });
    expect(action?.finishedAt).toBeUndefined();
    expect(action?.events.at(-1)).toEqual({ state: 'spawning.creatingDisks', startedAt: second(2) });
  });

  it('is an error when it ends in a failed state, and says what failed where', () => {
    const facts = told('create!a', ['releasing.releasingClaim@a', { failure }], ['failed.building@a', { failure }]);
    const [action] = actionsOf(facts);
    expect(action?.result).toBe('error');
    expect(action?.events.map((event) => event.failure)).toEqual([undefined, failure, undefined]);
  });

  it('is an error when it leaves a failure behind, though the instance rests well', () => {
    const facts = told('stop!a', 'stopping@a', ['inspecting@a', { failure }], ['running@a', { failure }]);
    expect(inShort(facts)).toEqual([['stop:error', 'stopping', 'inspecting', 'running']]);
  });

  it('is a success when another host made good what failed on the first', () => {
    const facts = told(
      ...['create!a', 'building.checking@a'],
      ['releasing.releasingClaim@a', { failure }],
      ...['scheduling@a', 'building.checking@a', 'running@a'],
    );
    expect(actionsOf(facts)[0]?.result).toBe('success');
  });

  it('is not blamed for what failed before it', () => {
    const facts = told(
      ...['stop!a', 'stopping@a'],
      ['inspecting@a', { failure }],
      ['failed.powering@a', { failure }],
      ['delete!b', { failure }],
      ['releasing.destroyingDomain@b', { failure }],
      ['deleted@b', { failure }],
    );
    expect(inShort(facts)).toEqual([
      ['delete:success', 'releasing.destroyingDomain', 'deleted'],
      ['stop:error', 'stopping', 'inspecting', 'failed.powering'],
    ]);
    expect(actionsOf(facts)[0]?.events.some((event) => event.failure)).toBe(false);
  });

  it('fails again with the same words, and is an error again', () => {
    const facts = told(
      ...['start!a', 'starting@a'],
      ['inspecting@a', { failure }],
      ['stopped@a', { failure }],
      ...['start!b', 'starting@b'],
      ['inspecting@b', { failure }],
      ['stopped@b', { failure }],
    );
    expect(inShort(facts).map(([result]) => result)).toEqual(['start:error', 'start:error']);
  });

  it('is ended as an error by the one that takes the instance out of its hands', () => {
    const facts = told('create!a', 'spawning.creatingDisks@a', 'delete!b', 'releasing.destroyingDomain@b', 'deleted@b');
    expect(inShort(facts)).toEqual([
      ['delete:success', 'releasing.destroyingDomain', 'deleted'],
      ['create:error', 'scheduling', 'spawning.creatingDisks'],
    ]);
    expect(actionsOf(facts)[1]).toMatchObject({
      finishedAt: second(3),
      events: [{}, { state: 'spawning.creatingDisks', finishedAt: second(3) }],
    });
  });

  it('that is asked for twice ends twice the same way', () => {
    const facts = told(
      'delete!a',
      'releasing.destroyingDomain@a',
      'delete!b',
      'releasing.removingFilter@b',
      'deleted@b',
    );
    expect(inShort(facts).map(([result]) => result)).toEqual(['delete:success', 'delete:success']);
  });

  it('goes on when another process takes it up, under a request that nobody knows', () => {
    const facts = told('create!a', 'building.checking@a', ['networking@sweep', { failure: other }], 'running@sweep');
    expect(inShort(facts)).toEqual([['create:success', 'scheduling', 'building.checking', 'networking', 'running']]);
  });

  it.each(['update', 'lock', 'unlock'])('is done at once when it is %s, and disturbs nothing', (command) => {
    const facts = told('stop!a', 'stopping@a', `${command}!b`, 'stopped@a');
    expect(inShort(facts)).toEqual([[`${command}:success`], ['stop:success', 'stopping', 'stopped']]);
  });

  it('is observed when nobody asked for it', () => {
    const facts = told('create!a', 'running@a', 'inspecting@x', 'stopped@x', 'start!b', 'starting@b', 'running@b');
    expect(inShort(facts)).toEqual([
      ['start:success', 'starting', 'running'],
      ['observed:success', 'inspecting', 'stopped'],
      ['create:success', 'scheduling', 'running'],
    ]);
    expect(actionsOf(facts)[1]).toMatchObject({ requestId: 'x' });
    expect(actionsOf(facts)[1]?.userId).toBeUndefined();
  });

  it('may have the request id of an earlier one, which clients choose', () => {
    const facts = told('stop!a', 'stopping@a', 'stopped@a', 'start!a', 'starting@a', 'running@a');
    expect(inShort(facts)).toEqual([
      ['start:success', 'starting', 'running'],
      ['stop:success', 'stopping', 'stopped'],
    ]);
  });

  it('is made of what there is: usage notifications and states of another release are no matter', () => {
    const facts = told(['x@a', { type: 'compute.instance.create.start' }], 'levitating.slowly@a');
    expect(inShort(facts)).toEqual([['observed:success', 'levitating.slowly']]);
    expect(actionsOf([])).toEqual([]);
  });
});
