/** What is wrong with a value that its schema refuses, as the failure that a client reads: the most telling of all errors. */
import { Settings } from 'typebox/system';
import { type FailureError, fail } from '../../machines/failure.ts';

/** What is quoted of a field's name, in characters: a refusal must not outgrow the message that it refuses. */
const maxFieldLength = 256;

// Enough for what is wrong with each alternative of a union: which of them was meant is found by comparing.
Settings.Set({ maxErrors: 32 });

/** As TypeBox tells it. */
export interface SchemaError {
  keyword: string;
  schemaPath: string;
  instancePath: string;
  params: object;
  message: string;
}

export function refusal(name: string, errors: readonly SchemaError[], value: unknown): FailureError {
  const { field: place, problem } = mostTelling(errors);
  const field = place.length > maxFieldLength ? `${place.slice(0, maxFieldLength).toWellFormed()}…` : place;
  const where = field === '' ? name : `${name}: field ${field}`;
  const given = field === '' && typeof value !== 'object' ? ` (it is a ${typeof value})` : '';
  return fail('invalid_request', `${where} ${problem}${given}`, { details: { field } });
}

/** The deepest, and not the consequence of another: where it is, and what is wrong there, as a sentence goes on. */
export function mostTelling(all: readonly SchemaError[]): { field: string; problem: string } {
  const errors = all
    .filter(({ keyword }) => keyword === 'anyOf')
    .reduce((rest, { schemaPath }) => withoutOtherAlternatives(rest, `${schemaPath}/anyOf/`), all);
  const [first] = errors
    .filter(({ keyword }) => keyword !== 'boolean' && keyword !== 'additionalProperties')
    .toSorted((a, b) => b.instancePath.length - a.instancePath.length);
  const unknown = errors.find(({ keyword }) => keyword === 'additionalProperties');
  if (unknown) return unknownField(unknown);
  return first ? wrongField(first) : { field: '', problem: 'is invalid' };
}

/** Of a union, only the errors of the alternative that was most likely meant: the closest. */
function withoutOtherAlternatives(errors: readonly SchemaError[], union: string): readonly SchemaError[] {
  const alternativeOf = ({ schemaPath }: SchemaError) =>
    schemaPath.startsWith(union) ? schemaPath.slice(union.length).split('/')[0] : undefined;
  const distances = new Map<string, number>();
  for (const error of errors) {
    const alternative = alternativeOf(error);
    if (alternative !== undefined) distances.set(alternative, (distances.get(alternative) ?? 0) + distanceOf(error));
  }
  const [meant] = [...distances].toSorted(([, a], [, b]) => a - b)[0] ?? [];
  return errors.filter((error) => {
    const alternative = alternativeOf(error);
    return alternative === undefined ? `${error.schemaPath}/anyOf/` !== union : alternative === meant;
  });
}

/** A field that an alternative does not know, or a literal that is not its own, tells of another one; a gap may be one. */
function distanceOf({ keyword }: SchemaError): number {
  if (keyword === 'boolean') return 0;
  if (keyword === 'additionalProperties') return 3;
  return ['type', 'const', 'enum'].includes(keyword) ? 2 : 1;
}

function unknownField({ instancePath, params }: SchemaError) {
  const [extra] = (params as { additionalProperties: string[] }).additionalProperties;
  return { field: `${instancePath}/${extra}`, problem: 'is not known' };
}

function wrongField({ keyword, instancePath, params, message }: SchemaError) {
  if (keyword === 'required') {
    const [missing] = (params as { requiredProperties: string[] }).requiredProperties;
    return { field: `${instancePath}/${missing}`, problem: 'is required' };
  }
  if (keyword === 'enum') {
    const { allowedValues } = params as { allowedValues: unknown[] };
    return {
      field: instancePath,
      problem: `must be one of ${allowedValues.map((value) => JSON.stringify(value)).join(', ')}`,
    };
  }
  const { limit } = params as { limit?: number };
  if (/^min(Length|Items|Properties)$/.test(keyword) && limit === 1) {
    return { field: instancePath, problem: 'must not be empty' };
  }
  return { field: instancePath, problem: message };
}
