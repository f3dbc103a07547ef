/** The page that people read: every endpoint with its fields and an example, failures, facts, and how things are done. */
import { type FailureCode, failureCodes } from '../../machines/failure.ts';
import { apiVersion } from '../messages/api.ts';
import { FailureSchema } from '../messages/common.ts';
import { facts } from '../messages/internal.ts';
import { statusOf } from '../nats/call.ts';
import { factPatterns } from '../nats/subjects.ts';
import { type Examples, type NamedEndpoint, namedEndpoints, refused } from './asyncapi.ts';
import { describeEndpoint, type JsonSchema, plainSchema } from './endpoint-schema.ts';
import { failureMeanings } from './failure-codes.ts';
import { fieldRows } from './fields.ts';
import { guide } from './guide.ts';
import { jsonText } from './json-text.ts';
import { SharedSchemas } from './shared-schemas.ts';

const whoMay = {
  anyone: 'anyone, also without a token',
  reader: 'whoever has a role in the project',
  member: 'members of the project, and administrators',
  admin: 'administrators',
};

export function referencePage(examples: Examples): string {
  const byResource = Map.groupBy(namedEndpoints, ({ endpoint }) => endpoint.resource);
  return [
    `# The API\n\nVersion ${apiVersion}. Written by \`npm run reference\` from the schemas that are run; the same for ` +
      'programs is [`asyncapi.json`](asyncapi.json), and a running cloud answers it to `cloud.api.v1.schema.document`.',
    guide,
    '## Failures',
    `A failure is answered instead of the reply, with two headers:\n\n${failureExample()}`,
    fieldTable(plainSchema(FailureSchema)),
    codeTable(),
    '## Facts',
    'What happens is published as it happens, and kept for a week. A host name that is no token by itself stands in ' +
      'the subject as `=` and the base64url of its bytes.',
    factSection('instance', examples),
    factSection('host', examples),
    factSection('alarm', examples),
    '## Endpoints',
    table(
      ['resource', 'verbs'],
      [...byResource].map(([resource, ofIt]) => [resource, ofIt.map(({ endpoint }) => linkTo(endpoint)).join(' ')]),
    ),
    'The examples show every field, also some that would hardly be used together.',
    ...namedEndpoints.map((named) => endpointSection(named, examples)),
    '## Things',
    'What the replies are made of.',
    ...things(),
    '',
  ].join('\n\n');
}

function endpointSection({ path, endpoint }: NamedEndpoint, examples: Examples): string {
  const { subject, description, access, timeoutMs, maxBytes, request, reply } = describeEndpoint(endpoint);
  return [
    `### ${endpoint.name}`,
    description,
    `\`${subject}\` · for ${whoMay[endpoint.access]} · answered within ${timeoutMs / 1000} s · at most ${maxBytes / 1024} KiB`,
    fieldTable(request, 'The request has no fields.'),
    requestExample(subject, access !== 'anyone', examples(`${path}.request`)),
    `The reply:\n\n${fieldTable(reply, 'It has no fields.')}`,
    `<details><summary>Example</summary>\n\n${json(examples(`${path}.reply`))}\n\n</details>`,
    `Failures: ${endpoint.failures.map(codeLink).join(' ')}`,
  ].join('\n\n');
}

function requestExample(subject: string, hasToken: boolean, body: unknown): string {
  const text = jsonText(body).replaceAll("'", "'\\''");
  const header = hasToken ? ' -H "Authorization:Bearer $TOKEN"' : '';
  return `\`\`\`sh\nnats req${header} ${subject} '${text}'\n\`\`\``;
}

function fieldTable(schema: JsonSchema, none = ''): string {
  const rows = fieldRows(schema);
  if (rows.length === 0) return none;
  return table(
    ['field', 'type', 'required', 'limits', 'description'],
    rows.map(({ path, type, isRequired, limits, description }) => [
      `\`${path}\``,
      type,
      isRequired ? 'yes' : '',
      limits,
      description,
    ]),
  );
}

function failureExample(): string {
  const headers = Object.entries(refused.headers).map(([name, value]) => `${name}: ${value}`);
  return `\`\`\`\n${headers.join('\n')}\n\n${jsonText(refused.payload)}\n\`\`\``;
}

function codeTable(): string {
  return table(
    ['code', 'header', 'meaning'],
    failureCodes.map((code) => [
      `<a id="${code}"></a>\`${code}\``,
      String(statusOf({ code, message: '', disposition: 'abort' })),
      failureMeanings[code],
    ]),
  );
}

const codeLink = (code: FailureCode) => `[\`${code}\`](#${code})`;

const linkTo = ({ name, verb }: { name: string; verb: string }) => `[\`${verb}\`](#${name.replaceAll('.', '')})`;

function factSection(kind: keyof typeof factPatterns, examples: Examples): string {
  return [
    `### \`${factPatterns[kind]}\``,
    fieldTable(plainSchema(facts[kind].body.schema)),
    json(examples(`facts.${kind}.body`)),
  ].join('\n\n');
}

/** Every schema that has a title, once. */
function things(): string[] {
  const shared = new SharedSchemas('');
  const whole = new Map<string, JsonSchema>();
  for (const { endpoint } of namedEndpoints) {
    for (const { schema } of [endpoint.request, endpoint.reply]) {
      shared.refer(schema);
      collect(plainSchema(schema), whole);
    }
  }
  return Object.keys(shared.all()).flatMap((title) => {
    const schema = whole.get(title);
    return schema ? [`### ${title}\n\n${fieldTable(schema)}`] : [];
  });
}

function collect(value: unknown, found: Map<string, JsonSchema>): void {
  if (typeof value !== 'object' || value === null) return;
  const schema = value as JsonSchema;
  if (typeof schema.title === 'string' && !found.has(schema.title)) found.set(schema.title, schema);
  for (const part of Object.values(schema)) collect(part, found);
}

function json(value: unknown): string {
  return `\`\`\`json\n${jsonText(value)}\n\`\`\``;
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
