import { expect, it } from 'vitest';
import { flagsOf } from '../../transport/cli/client/flags.ts';
import { nouns } from '../../transport/cli/commands/nouns.ts';
import { endpoints } from '../../transport/messages/api.ts';

const loaded = await Promise.all(nouns.map(async ({ word, load }) => ({ word, verbs: (await load()).verbs })));
const verbs = loaded.flatMap(({ word, verbs }) => verbs.map((verb) => ({ path: `${word} ${verb.word}`, verb })));

it('has a command for every endpoint of the API', () => {
  // `image create` is all three steps; the document is for programs; who types a command has a token.
  const without = ['image.upload', 'image.finish', 'schema.document', 'session.create'];
  const served = new Set(verbs.map(({ verb }) => verb.endpoint.name));
  expect(endpoints.map(({ name }) => name).filter((name) => !served.has(name) && !without.includes(name))).toEqual([]);
});

it.each(verbs.map(({ path, verb }) => [path, verb] as const))(
  '%s takes every field of its request, once',
  (_, verb) => {
    const { properties } = verb.endpoint.request.schema as unknown as { properties: object };
    const flags = flagsOf(verb);
    const taken = [
      ...(verb.arguments ?? []).map((name) => name.replace('...', '')),
      ...flags.map(({ field }) => field.split('.')[0] ?? ''),
      ...(verb.extra ?? []).map((option) => option.attributeName()),
      ...(verb.without ?? []),
    ];
    expect(Object.keys(properties).filter((name) => name !== 'marker' && !taken.includes(name))).toEqual([]);
    const words = flags.map(({ option }) => option.long);
    expect(words).toEqual([...new Set(words)]);
  },
);
