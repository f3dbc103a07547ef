import { describe, expect, it } from 'vitest';
import { cellOf, chooseColumns, headerOf, valueAt } from '../../transport/cli/client/columns.ts';
import { details } from '../../transport/cli/client/details.ts';
import {
  formatAge,
  formatBytes,
  formatValue,
  printableJson,
  printableLog,
} from '../../transport/cli/client/format-value.ts';
import { table } from '../../transport/cli/client/table.ts';
import { InstanceView } from '../../transport/messages/api/instance.ts';

const uuid = '0f0c1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b';
const now = Date.parse('2026-11-23T12:00:00Z');

describe('a table', () => {
  it('aligns columns by what a terminal shows', () => {
    expect(
      table(
        ['NAME', 'N'],
        [
          ['日本', '1'],
          ['e\u0301a', '2'],
          ['👩‍👩‍👧', '3'],
        ],
      ),
    ).toEqual(['NAME  N', '日本  1', 'e\u0301a    2', '👩‍👩‍👧    3']);
  });

  it('cuts the widest column of a narrow terminal, and says so', () => {
    const lines = table(['NAME', 'STATE'], [['a-name-that-is-long-enough', 'active']], 20);
    expect(lines).toEqual(['NAME          STATE', 'a-name-that…  active']);
  });

  it('never cuts identifiers and addresses', () => {
    const [, line] = table(['ID', 'ADDRESS', 'NAME'], [[uuid, '10.20.0.100', 'a-name-that-is-long']], 30);
    expect(line).toContain(uuid);
    expect(line).toContain('10.20.0.100');
    expect(line).toContain('a-name-…');
  });

  it('cuts no ideograph in half', () => {
    expect(table(['NAME'], [['日本語日本語日本語']], 8)[1]).toBe('日本語…');
  });
});

describe('a value', () => {
  it.each([
    ['isAlive', true, 'yes'],
    ['host', undefined, '-'],
    ['tags', [], '-'],
    ['tags', ['a', 'b'], 'a, b'],
    ['metadata', { role: 'web', stage: 'test' }, 'role=web, stage=test'],
    ['createdAt', '2026-11-23T11:57:00Z', '3 min ago'],
    ['size', 3_000_000, '2.9 MiB'],
    ['name', 'a\u001b[2Jb\nc', 'a [2Jb c'],
  ])('of %s, %j, reads %j', (key, value, text) => {
    expect(formatValue(key, value, now)).toBe(text);
  });

  it.each([
    ['2026-11-23T11:59:58Z', '2 s ago'],
    ['2026-11-23T10:00:01Z', '1 h ago'],
    ['2026-11-20T12:00:00Z', '3 d ago'],
    ['2026-11-23T19:59:59Z', 'in 8 h'],
  ])('at %s is %s', (time, text) => {
    expect(formatAge(time, now)).toBe(text);
  });

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1024 ** 3 * 2.5, '2.5 GiB'],
  ])('of %d bytes is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('what others have written', () => {
  it.each([
    ['a\u001b[31mb', 'a [31mb'],
    ['a\u009b31mb', 'a 31mb'],
    ['a\u202eb\u2066c\u2028d', 'a b c d'],
    ['a\r\nb', 'a b'],
    ['名前 ä́ 👩‍👩‍👧', '名前 ä́ 👩‍👩‍👧'],
  ])('as %j does nothing to a terminal', (text, shown) => {
    expect(formatValue('name', text, now)).toBe(shown);
  });

  it.each([
    ['\u001b[1;32m OK \u001b[0m Started \u001b[Kssh\r\n', ' OK  Started ssh\n'],
    ['\u001bc\u001b[2J\u001b]0;a title\u0007SeaBIOS\tready', 'SeaBIOS\tready'],
    ['\u001b]52;c;cm0gLXJm\u001b\\login: \u001b', 'login:  '],
    ['\u009b2Jlogin:\u202e', 'login: '],
  ])('on a console, %j, is shown as %j', (log, shown) => {
    expect(printableLog(log)).toBe(shown);
  });

  it('is in JSON what it was', () => {
    const document = { name: 'a\u001b\u009b\u202e\u2029b名前' };
    const text = printableJson(document);
    expect(text).toMatch(/^[ -~名前]+$/);
    expect(JSON.parse(text)).toEqual(document);
  });
});

describe('details', () => {
  it('indent what is within, and tabulate lists', () => {
    const thing = { name: 'web', flavor: { id: '0', vcpus: 1 }, ports: [{ mac: 'a', address: 'b' }], tags: [] };
    expect(details(thing, now)).toEqual([
      'name    web',
      'flavor  id     0',
      '        vcpus  1',
      'ports   mac  address',
      '        a    b',
      'tags    -',
    ]);
  });
});

describe('columns', () => {
  const instance = { flavor: { name: 'm1.micro' }, ports: [{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2'] }] };

  it('are paths, through lists too', () => {
    expect(valueAt(instance, 'flavor.name')).toBe('m1.micro');
    expect(cellOf('ports.addresses', instance, now)).toBe('10.0.0.1, 10.0.0.2');
    expect(cellOf('host', instance, now)).toBe('-');
  });

  it.each([
    ['flavor.name', 'FLAVOR'],
    ['vmState', 'VM STATE'],
    ['ports.addresses', 'ADDRESSES'],
    ['createdAt', 'CREATED'],
    ['isPublic', 'PUBLIC'],
  ])('have a header: %s is %s', (path, header) => {
    expect(headerOf(path)).toBe(header);
  });

  it('are chosen among those that there are', () => {
    expect(chooseColumns('name, flavor.vcpus,metadata.role', [], InstanceView)).toEqual([
      'name',
      'flavor.vcpus',
      'metadata.role',
    ]);
    expect(() => chooseColumns('name,colour', [], InstanceView)).toThrow(/no column "colour"; there are uuid, name/);
  });
});
