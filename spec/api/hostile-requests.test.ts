import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../transport/messages/api/endpoint.ts';
import { api } from '../../transport/messages/api.ts';
import { readGolden } from '../messages/golden.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { type Answer, type BareClient, connectBare } from './bare-client.ts';

let cloud: TestCloud;
let bare: BareClient;
let ask: ReturnType<BareClient['as']>;
beforeAll(async () => {
  cloud = await startTestCloud();
  bare = await connectBare(cloud.url);
  ask = bare.as(cloud.token);
});
afterAll(async () => {
  await bare.close();
  await cloud.stop();
});

const endpoints = Object.entries(api).flatMap(([resource, verbs]) =>
  Object.entries(verbs).map(([verb, endpoint]): [string, Record<string, unknown>, Endpoint<unknown, unknown>] => [
    (endpoint as Endpoint<unknown, unknown>).name,
    readGolden(`api.${resource}.${verb}.request`) as Record<string, unknown>,
    endpoint as Endpoint<unknown, unknown>,
  ]),
);

/** What a request cannot do without, in the order of its schema. */
const requiredBy = ({ request }: Endpoint<unknown, unknown>) =>
  (request.schema as { required?: string[] }).required ?? [];

/** Whether the schema allows it, as it does any text where text is only kept or compared. */
function isAllowed({ request }: Endpoint<unknown, unknown>, text: string): boolean {
  try {
    request.decode(Buffer.from(text));
    return true;
  } catch {
    return false;
  }
}

function expectRefusal({ code, error, failure, requestId }: Answer, field: string): void {
  expect(failure).toMatchObject({
    code: 'invalid_request',
    message: expect.any(String),
    disposition: 'abort',
    details: { field },
  });
  expect(code).toBe('400');
  expect(error).toBe(failure?.message);
  expect(requestId).toMatch(/^req-[0-9a-f-]{36}$/);
}

const strangers: [string, unknown][] = [
  ['a fraction', 17.5],
  ['a huge number', '1e400'],
  ['null', null],
  ['a list', [[]]],
  ['an object', { a: 1 }],
  ['control characters', 'a\u0000\u001b[2J\r\nb'],
  ['very long Unicode', '\u{1f4a5}'.repeat(20_000)],
];

describe.each(endpoints)('%s', (endpoint, golden, declared) => {
  const required = requiredBy(declared);

  it.each([
    ['text that is no JSON', '{"name": '],
    ['bytes that are not UTF-8', Uint8Array.of(0x22, 0xc3, 0x28, 0xff, 0x22)],
    ['what is no object', '"text"'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a number beyond all bounds', '1e999'],
    ['lists nested deeply', '['.repeat(200_000)],
    ['lists nested deeply and closed', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['what is too large', `{"name": "${'a'.repeat(900_000)}"}`],
  ])('refuses %s', async (_, payload) => {
    expectRefusal(await ask(endpoint, payload), '');
  });

  it.each(['surprise', '__proto__', 'constructor', 'a/b', '\u0000', '\u{1f4a5}'])(
    'refuses the unknown field %j',
    async (name) => {
      const fields = JSON.stringify(golden).slice(1);
      const payload = `{${JSON.stringify(name)}: {"isAdmin": true}${fields === '}' ? '' : ','}${fields}`;
      expectRefusal(await ask(endpoint, payload), `/${name}`);
    },
  );

  it('answers a request whose unknown field has an endless name, in a reply of bounded size', async () => {
    for (const name of ['x'.repeat(500_000), '\u0001'.repeat(80_000), '\u{1f4a5}'.repeat(100_000)]) {
      const answer = await ask(endpoint, { ...golden, [name]: 1 });
      expect(answer).toMatchObject({ code: '400', failure: { code: 'invalid_request' } });
      expect(JSON.stringify(answer).length).toBeLessThan(10_000);
      expect(`/${name}`.startsWith(String(answer.failure?.details?.field).slice(0, 50))).toBe(true);
    }
  });

  it.runIf(Object.keys(golden).length > 0)('names the field that has a wrong value', async () => {
    for (const field of Object.keys(golden)) {
      for (const [what, stranger] of strangers) {
        const text = JSON.stringify({ ...golden, [field]: stranger }).replace('"1e400"', '1e400');
        if (isAllowed(declared, text)) continue;
        const { failure, code } = await ask(endpoint, text);
        expect([field, what, failure?.code, code]).toEqual([field, what, 'invalid_request', '400']);
        expect(String(failure?.details?.field).startsWith(`/${field}`)).toBe(true);
        expect(failure?.message).toContain(`/${field}`);
      }
    }
  });

  it.runIf(required.length > 0)('names the field that is missing', async () => {
    for (const field of required) {
      const { [field]: _, ...rest } = golden;
      expectRefusal(await ask(endpoint, rest), `/${field}`);
    }
  });

  it('takes an empty payload for an empty object', async () => {
    const answer = await ask(endpoint, '');
    const [first] = required;
    if (first === undefined) expect(answer.failure?.code).not.toBe('internal');
    else expectRefusal(answer, `/${first}`);
  });
});

describe('after all of that', () => {
  it('still answers the next valid request', async () => {
    const { body, failure } = await ask('instance.create', { name: 'next', image: 'simulated', flavor: 'm1.micro' });
    expect(failure).toBeUndefined();
    const [{ uuid } = { uuid: '' }] = body.instances as { uuid: string }[];
    await cloud.until(uuid, ({ state }) => state === 'running');
  });
});
