import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { endpoints } from '../../transport/messages/api.ts';
import { asyncApiDocument } from '../../transport/reference/asyncapi.ts';
import { readGolden } from '../messages/golden.ts';
import { referenceFiles } from './reference-files.ts';

describe('the committed reference', async () => {
  it.each((await referenceFiles()).map(({ url, text }) => ({ file: url.pathname.split('/').at(-1), url, text })))(
    'is what npm run reference writes: $file',
    ({ url, text }) => {
      expect(readFileSync(url, 'utf8') === text, 'it is stale: npm run reference').toBe(true);
    },
  );

  it('has each picture that README.md shows', () => {
    const root = new URL('../../', import.meta.url);
    const readme = readFileSync(new URL('README.md', root), 'utf8');
    const pictures = [...readme.matchAll(/!\[[^\]]*\]\((transport\/reference\/[^)]+)\)/g)].map(([, path = '']) => path);
    expect(pictures).not.toEqual([]);
    expect(pictures.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
  });
});

describe('the AsyncAPI document', () => {
  const document = asyncApiDocument(readGolden);

  it('is one, says the schema of AsyncAPI 3.0 itself', () => {
    const schema: object = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json');
    // The schema uses formats and keywords that only annotate.
    const ajv = new Ajv({ strict: false, validateFormats: false });
    expect(ajv.validate(schema, document), ajv.errorsText()).toBe(true);
  });

  it('refers to nothing that is not there', () => {
    const references = referencesIn(document);
    expect(references.length).toBeGreaterThan(500);
    expect(references.filter((reference) => resolve(document, reference) === undefined)).toEqual([]);
  });

  it('has an operation for every endpoint, with a reply', () => {
    const { channels, operations } = document as unknown as Shape;
    for (const { name } of endpoints) {
      expect(channels[name]?.address).toBe(`cloud.api.v1.${name}`);
      expect(operations[name]?.reply.channel).toEqual({ $ref: `#/channels/${name}.reply` });
    }
  });

  it('has examples that its own schemas accept', () => {
    const { channels, components } = document as unknown as Shape;
    const messages = Object.values(channels).flatMap(({ messages: own }) => Object.values(own));
    const withExamples = [...messages, ...Object.values(components.messages)].filter(({ examples }) => examples);
    expect(withExamples.length).toBeGreaterThan(endpoints.length * 2);
    for (const { name, payload, examples = [] } of withExamples) {
      const ajv = new Ajv({ strict: false, validateFormats: false });
      const validate = ajv.compile({ ...payload, components });
      for (const example of examples)
        expect([name, validate(example.payload), validate.errors]).toEqual([name, true, null]);
    }
  });

  it('fits into a message', () => {
    expect(Buffer.byteLength(JSON.stringify(document))).toBeLessThan(768 * 1024);
  });
});

interface Message {
  name: string;
  payload: object;
  examples?: { payload: unknown }[];
}

interface Shape {
  channels: Record<string, { address: string | null; messages: Record<string, Message> }>;
  operations: Record<string, { reply: { channel: object } }>;
  components: { messages: Record<string, Message> };
}

function referencesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) =>
    name === '$ref' && typeof part === 'string' ? [part] : referencesIn(part),
  );
}

function resolve(document: unknown, reference: string): unknown {
  let found = document;
  for (const name of reference.replace(/^#\//, '').split('/')) found = Reflect.get(Object(found), name);
  return found;
}
