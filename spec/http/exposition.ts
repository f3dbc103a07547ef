/**
 * Reads Prometheus's text format 0.0.4, and accepts nothing that is not it
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Throws for what breaks a rule.
 */

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface Family {
  name: string;
  type: string;
  help: string;
  samples: Sample[];
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const types = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family>();
  let current: Family | undefined;
  const seen = new Set<string>();
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (!metricName.test(name) || families.has(name)) throw new Error(`a second, or wrong, ${line}`);
      if (/\\(?![\\n])/.test(rest)) throw new Error(`a wrong escape: ${line}`);
      current = { name, type: '', help: rest, samples: [] };
      families.set(name, current);
    } else if (keyword === 'TYPE') {
      if (current?.name !== name || current.type !== '' || !types.includes(rest)) throw new Error(`misplaced: ${line}`);
      current.type = rest;
    } else if (line.startsWith('#')) {
      throw new Error(`a comment that nobody writes: ${line}`);
    } else {
      const sample = parseSample(line);
      if (!current || !isOf(sample.name, current)) throw new Error(`of no family, or of another: ${line}`);
      const identity = JSON.stringify([sample.name, Object.entries(sample.labels).toSorted()]);
      if (seen.has(identity)) throw new Error(`there twice: ${line}`);
      seen.add(identity);
      current.samples.push(sample);
    }
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

function parseSample(line: string): Sample {
  const [, name, labels = '', value] = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`no sample: ${line}`);
  return { name, labels: parseLabels(labels, line), value: parseValue(value) };
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== '') {
    const [all, name = '', quoted = ''] = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)/.exec(rest) ?? [];
    if (all === undefined || Object.hasOwn(labels, name)) throw new Error(`wrong labels: ${line}`);
    labels[name] = quoted.replaceAll(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped));
    rest = rest.slice(all.length);
  }
  return labels;
}

function parseValue(text: string): number {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  if (text === 'NaN' || text === 'Nan') return Number.NaN;
  const value = Number(text);
  if (Number.isNaN(value)) throw new Error(`no number: ${text}`);
  return value;
}

function isOf(name: string, { name: family, type }: Family): boolean {
  if (type === 'histogram') return ['_bucket', '_sum', '_count'].some((suffix) => name === family + suffix);
  if (type === 'summary') return [family, `${family}_sum`, `${family}_count`].includes(name);
  return name === family;
}

function checkFamily({ name, type, samples }: Family): void {
  if (type === '') throw new Error(`${name} has no type`);
  if (type === 'counter' && samples.some(({ value }) => !(value >= 0))) throw new Error(`${name} counts backwards`);
  if (type !== 'histogram') return;
  const groups = Map.groupBy(samples, ({ labels: { le: _, ...labels } }) => JSON.stringify(labels));
  for (const group of groups.values()) {
    const buckets = group.filter((each) => each.name === `${name}_bucket`);
    const limits = buckets.map(({ labels: { le = '' } }) => parseValue(le));
    const counts = buckets.map(({ value }) => value);
    const isRising = (values: number[]) => values.every((value, at) => at === 0 || value >= (values[at - 1] ?? 0));
    const count = group.find((each) => each.name === `${name}_count`)?.value;
    const hasSum = group.some((each) => each.name === `${name}_sum`);
    const isWhole = limits.at(-1) === Infinity && counts.at(-1) === count && hasSum;
    if (!isWhole || !isRising(limits) || !isRising(counts)) throw new Error(`${name} is no histogram`);
  }
}
