/** What the API would say of a request, said before it is sent: by the same schemas, field by field. */
import type { TSchema } from 'typebox';
import { Errors } from 'typebox/value';
import type { Failure } from '../../../machines/failure.ts';
import type { Endpoint } from '../../messages/api/endpoint.ts';
import { mostTelling, type SchemaError } from '../../messages/refusal.ts';
import { sentence } from '../components/notice.tsx';

/** By the field's name in the request: `networks`, whatever is wrong within it; '' is the whole. */
export type Problems = Readonly<Record<string, string>>;

/** Nothing is compiled for it: what comes from us makes no code out of text. */
export function problemsOf<Q, R>({ request }: Endpoint<Q, R>, body: Readonly<Record<string, unknown>>): Problems {
  const { properties, required = [] } = request.schema as { properties: Record<string, TSchema>; required?: string[] };
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, schema]) => {
      const isEmpty = body[name] === undefined || body[name] === '';
      const problem = isEmpty ? missing(required.includes(name)) : problemOf(schema, body[name]);
      return problem ? [[name, problem]] : [];
    }),
  );
}

/** Where a failure of the API belongs: to a field, or to the whole. */
export function problemsOfFailure({ message, details }: Failure): Problems {
  const pointer = details?.field;
  if (typeof pointer !== 'string' || pointer === '') return { '': sentence(message) };
  const [, field = ''] = pointer.split('/');
  return { [field]: sentence(withoutName(message, pointer)) };
}

/** As it is said where the field stands, which has a name of its own there. */
function withoutName(message: string, pointer: string): string {
  return message
    .replace(/^\S+ request: /, '')
    .replace(` (field ${pointer})`, '')
    .replace(`field ${pointer}: `, '')
    .replace(`field ${pointer}`, 'this');
}

function missing(isRequired: boolean): string | undefined {
  return isRequired ? 'This is required.' : undefined;
}

function problemOf(schema: TSchema, value: unknown): string | undefined {
  const errors = Errors(schema, value) as SchemaError[];
  if (errors.length === 0) return undefined;
  const { field, problem } = mostTelling(errors);
  const isOfItsForm = errors.some(({ keyword }) => keyword === 'pattern' || keyword === 'additionalProperties');
  const { 'x-allowed': allowed } = partAt(schema, field);
  return sentence(isOfItsForm && allowed ? `allowed here: ${allowed}` : `this ${inWords(problem)}`);
}

function inWords(problem: string): string {
  return problem.replace('<=', 'at most').replace('>=', 'at least');
}

interface SchemaPart {
  /** What a pattern allows, in words. */
  'x-allowed'?: string;
  items?: SchemaPart;
  properties?: Readonly<Record<string, SchemaPart>>;
}

/** What the schema says of a place within: `/0/fixedIp`; where it says nothing, of what that is in. */
function partAt(schema: SchemaPart, field: string): SchemaPart {
  const [, ...names] = field.split('/');
  return names.reduce((part, name) => part.properties?.[name] ?? part.items ?? part, schema);
}
