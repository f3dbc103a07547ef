/** What is the same for all whose facts are told: they are asked for page by page, and shown one a line. */
import type { Endpoint } from '../../messages/api/endpoint.ts';
import { pagesOf } from '../../messages/pages.ts';
import type { Thing } from '../client/columns.ts';
import { formatLocalTime, printable, printableJson } from '../client/format-value.ts';
import type { Invocation } from '../client/invocation.ts';
import { bodyOf } from '../client/request-body.ts';

/** What every fact says. */
interface Told {
  at: number;
}

/** Shows what the endpoint lists, until there is no more of it, or as much as is asked for. */
export async function showHistory<Fact extends Told>(
  invocation: Invocation,
  endpoint: Endpoint<Thing, { facts: { sequence: number; fact: Fact }[] }>,
  inWords: (fact: Fact) => string,
): Promise<void> {
  const { client, command } = invocation;
  const body = await bodyOf(invocation);
  const pages = pagesOf(
    async (from: { marker?: number }) => (await client.ask(endpoint, { ...body, ...from })).facts,
    ({ sequence }) => sequence,
  );
  let left = (command.getOptionValue('limit') as number | undefined) ?? Infinity;
  for await (const page of pages) {
    for (const { fact } of page.slice(0, left)) showFact(invocation, fact, inWords);
    left -= page.length;
    if (left <= 0) return;
  }
}

export function showFact<Fact extends Told>({ output }: Invocation, fact: Fact, inWords: (fact: Fact) => string): void {
  const line = () => `${formatLocalTime(fact.at, { millis: true })}  ${printable(inWords(fact))}`;
  output.lines([output.isJson ? printableJson(fact) : line()]);
}
