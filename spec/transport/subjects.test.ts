/** Subjects: any host and project can be one token of them, and comes back from it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  askingHost,
  consumers,
  decodeToken,
  encodeToken,
  isCast,
  matches,
  nameOf,
  streams,
  subjects,
} from '../../transport/nats/subjects.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 64 }),
  fc.string({ unit: 'binary', maxLength: 64 }),
  fc.domain(),
  fc.constantFrom('', '=', '=YQ', '.', '*', '>', 'a b', 'a.b', '\u0000', '\r\n', '$JS.API', '_INBOX', '名前', '-'),
);

/** What NATS lets stand between two dots, without being a wildcard. */
const validToken = /^[A-Za-z0-9_=-]+$/;

it('comes back from a token as it was, whatever it is', () => {
  fc.assert(fc.property(anyText, (text) => void expect(decodeToken(encodeToken(text))).toBe(text)));
});

it('is always one valid token', () => {
  fc.assert(fc.property(anyText, (text) => void expect(encodeToken(text)).toMatch(validToken)));
});

it('is never the token of another', () => {
  fc.assert(
    fc.property(anyText, anyText, (one, other) => {
      expect(encodeToken(one) === encodeToken(other)).toBe(one === other);
    }),
  );
});

it('stands as it is when it is plain', () => {
  expect(encodeToken('compute-1')).toBe('compute-1');
  expect(encodeToken('compute-1.example.org')).toMatch(/^=/);
});

it('adds no token to a subject, and no wildcard', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(subjects.computeCall(text, 'console_log').split('.')).toHaveLength(5);
      expect(subjects.computeCast(text, 'run_instance').split('.')).toHaveLength(5);
      expect(subjects.hostFact(text).split('.')).toHaveLength(4);
      expect(subjects.instanceFact(text, 'uuid').split('.')).toHaveLength(5);
      expect(subjects.computeCall(text, 'console_log')).not.toMatch(/[*>\s]/);
      expect(consumers.compute(text)).toMatch(/^[^.*>\s/\\]+$/);
    }),
  );
});

it('gives back the host that asks, whatever its name', () => {
  fc.assert(
    fc.property(anyText, fc.constantFrom('controller' as const, 'network' as const), (host, part) => {
      expect(askingHost(subjects.hostCall(part, host, 'ask'))).toBe(host);
      expect(subjects.hostCall(part, host, 'ask')).toMatch(/^[^*>\s]+$/);
      expect(subjects.hostCall(part, host, 'ask').split('.')).toHaveLength(5);
    }),
  );
});

it('gives back the name of a message', () => {
  expect(nameOf(subjects.computeCast('a.b', 'run_instance'))).toBe('run_instance');
  expect(nameOf(subjects.schedulerCast('run_instance'))).toBe('run_instance');
});

it('is of a cast when it is a scheduler’s or a host’s, and of nothing else', () => {
  expect(isCast(subjects.schedulerCast('run_instance'))).toBe(true);
  fc.assert(fc.property(anyText, (host) => void expect(isCast(subjects.computeCast(host, 'any'))).toBe(host !== '')));
  for (const other of [
    subjects.computeCall('host1', 'console_log'),
    subjects.networkCall('deallocate'),
    subjects.record('instance', 'a'),
    subjects.schedulerCasts(),
    subjects.computeCasts('host1'),
    'cloud.compute.*.cast.a',
    'cloud.compute.host1.x.cast.a',
    'cloud.scheduler.cast.a.b',
    'cloud.scheduler.cast.a b',
    ' cloud.scheduler.cast.a',
    'cloud.scheduler.cast.a\n',
  ]) {
    expect(isCast(other), other).toBe(false);
  }
});

it('refuses a name of a message that is no token', () => {
  for (const name of ['', 'a.b', '*', '>', 'a b']) expect(() => subjects.networkCall(name)).toThrow(TypeError);
});

it('matches as the server does', () => {
  for (const pattern of ['a.b', 'a.*', '*.b', '*.*', 'a.>', '*.>', '>'])
    expect(matches('a.b', pattern), pattern).toBe(true);
  for (const pattern of ['a', 'b.*', 'a.b.>', 'a.b.*', '*', 'a.b.c', 'a*.b']) {
    expect(matches('a.b', pattern), pattern).toBe(false);
  }
});

describe('every subject of ours', () => {
  it('is captured by its stream, and calls by none', () => {
    const isCaptured = (subject: string, filters: readonly string[]) =>
      filters.some((filter) => matches(subject, filter));
    expect(isCaptured(subjects.schedulerCast('a'), streams.casts.subjects)).toBe(true);
    expect(isCaptured(subjects.computeCast('any host', 'a'), streams.casts.subjects)).toBe(true);
    expect(isCaptured(subjects.hostFact('any host'), streams.facts.subjects)).toBe(true);
    expect(isCaptured(subjects.instanceFact('any project', 'a'), streams.facts.subjects)).toBe(true);
    const all = [...streams.casts.subjects, ...streams.facts.subjects];
    expect(isCaptured(subjects.computeCall('any host', 'a'), all)).toBe(false);
    expect(isCaptured(subjects.controllerCall('instance', 'create'), all)).toBe(false);
    expect(isCaptured(subjects.api('instance', 'list'), all)).toBe(false);
    expect(isCaptured(subjects.forwarded('session', 'create'), all)).toBe(false);
  });
});
