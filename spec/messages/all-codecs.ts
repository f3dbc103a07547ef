/** Every codec of `transport/messages/`, found by looking at what the files there export. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Codec } from '../../transport/messages/codec.ts';

const folder = new URL('../../transport/messages/', import.meta.url);

/** By the way that leads to it: `controllerCalls.createInstance.request`, `buckets.flavor.record`. */
export async function findCodecs(): Promise<Map<string, Codec<unknown>>> {
  const found = new Map<string, Codec<unknown>>();
  for (const file of readdirSync(fileURLToPath(folder)).filter((name) => name.endsWith('.ts'))) {
    const exported: Record<string, unknown> = await import(new URL(file, folder).href);
    for (const [name, value] of Object.entries(exported)) collect(name, value, found);
  }
  return found;
}

function collect(path: string, value: unknown, found: Map<string, Codec<unknown>>): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  if (isCodec(value)) {
    found.set(path, value);
    return;
  }
  // A schema is no group of messages, and may be long.
  if ('~kind' in value) return;
  for (const [name, part] of Object.entries(value)) collect(`${path}.${name}`, part, found);
}

function isCodec(value: object): value is Codec<unknown> {
  return 'decode' in value && 'encode' in value && 'check' in value && 'schema' in value;
}
