/** Imports point one way, and what decides is free of what acts. Read from the sources themselves. */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['machines', 'actors', 'transport', 'spec'] as const;
type Folder = (typeof folders)[number];

/** The folders of ours that each may import. */
const allowed: Record<Folder, readonly Folder[]> = {
  machines: ['machines'],
  transport: ['transport', 'machines'],
  actors: ['actors', 'transport', 'machines'],
  spec: folders,
};

/** What may not stand in a machine: time, chance, and the world. */
const impurities: Record<string, RegExp> = {
  clock: /\bDate\b|\bperformance\b|\bhrtime\b/,
  chance: /\bMath\.random\b|\brandom(?:UUID|Bytes|Int)\b|\bcrypto\b/,
  timer: /\bset(?:Timeout|Interval|Immediate)\b|\bafter:|\bdelay\b/,
  console: /\bconsole\b|\bprocess\./,
  'asynchronous work': /\bawait\b|\basync\b/,
  NATS: /\bnats\b/i,
};

interface Source {
  path: string;
  folder: Folder;
  text: string;
  /** Without comments and the contents of strings, so that a word in prose counts for nothing. */
  code: string;
  imports: string[];
}

const sources: Source[] = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => read(folder, join(folder, name))),
);

describe.each(folders)('%s', (folder) => {
  const own = sources.filter((source) => source.folder === folder);

  it('imports only from the folders beneath it', () => {
    const wrong = own.flatMap((source) =>
      source.imports
        .map((specifier) => ({ specifier, target: folderOf(source, specifier) }))
        .filter(({ target }) => target !== undefined && !mayImport(source, target))
        .map(({ specifier }) => `${source.path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('imports files of ours by their whole names', () => {
    const wrong = own.flatMap(({ path, imports }) =>
      imports
        .filter((each) => each.startsWith('.') && !/\.(tsx?|json|css)$/.test(each))
        .map((each) => `${path} imports ${each}`),
    );
    expect(wrong).toEqual([]);
  });

  it('has no default exports', () => {
    // Vitest reads its configuration from a default export.
    const wrong = own.filter(({ path, code }) => path !== 'spec/vitest.config.ts' && /^export default\b/m.test(code));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('has no files that only pass exports on', () => {
    expect(own.filter(isBarrel).map(({ path }) => path)).toEqual([]);
  });

  it('says on top of each file what it is', () => {
    // What a test is, its titles say.
    const silent = own.filter(({ path, text }) => !path.endsWith('.test.ts') && !/^(#!.*\n)?\/\*\*/.test(text));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });
});

describe('machines', () => {
  const machines = sources.filter(({ folder }) => folder === 'machines');

  it('import nothing but xstate and each other', () => {
    const libraries = machines.flatMap(({ path, imports }) =>
      imports.filter((each) => !each.startsWith('.') && each !== 'xstate').map((each) => `${path} imports ${each}`),
    );
    expect(libraries).toEqual([]);
  });

  it.each(Object.entries(impurities))('are free of any %s', (_, pattern) => {
    const impure = machines.filter(({ code }) => pattern.test(code));
    expect(impure.map(({ path, code }) => `${path}: ${pattern.exec(code)?.[0]}`)).toEqual([]);
  });
});

describe('messages', () => {
  const known = [join('transport', 'messages', ''), join('machines', ''), join('transport', 'nats', 'api-prefix.ts')];

  it('know nothing of what carries them, so that a page reads and checks them too', () => {
    const carried = sources.filter(({ path }) => path.startsWith(join('transport', 'messages', '')));
    const wrong = carried.flatMap(({ path, imports }) =>
      imports
        .filter((each) =>
          each.startsWith('.')
            ? !known.some((ours) => normalize(join(dirname(path), each)).startsWith(ours))
            : packageOf(each) !== 'typebox',
        )
        .map((each) => `${path} imports ${each}`),
    );
    expect(wrong).toEqual([]);
  });
});

/** What the pages import is built into them, and what builds them is only where they are built. */
const buildTime = [join('transport', 'dashboard', ''), join('actors', 'setup', 'dashboard.ts')];

it('libraries of a running system are listed as its dependencies', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  const running = new Set([...Object.keys(dependencies), ...builtinModules]);
  const building = new Set([...running, ...Object.keys(devDependencies)]);
  const unlisted = sources
    .filter(({ folder }) => folder !== 'spec')
    .flatMap(({ path, imports }) => {
      const known = buildTime.some((each) => path.startsWith(each)) ? building : running;
      return imports
        .filter((each) => !each.startsWith('.') && !each.startsWith('node:') && !known.has(packageOf(each)))
        .map((each) => `${path} imports ${each}`);
    });
  expect(unlisted).toEqual([]);
});

function read(folder: Folder, path: string): Source {
  const text = readFileSync(join(root, path), 'utf8');
  const code = blank(text);
  const statements = [
    ...text.matchAll(/^(?:import|export)\s(?:[^'"`;]*?\sfrom\s+)?'([^']+)'/gm),
    ...text.matchAll(/\bimport\(\s*'([^']+)'/g),
  ];
  return { path, folder, text, code, imports: statements.map(([, specifier = '']) => specifier) };
}

/** Comments and the contents of quotes are cut out; what is interpolated into a template goes with it. */
function blank(text: string): string {
  return text.replaceAll(
    /\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`|\/\/[^\n]*/g,
    (match) => (match.startsWith('/') ? '' : `${match.at(0)}${match.at(-1)}`),
  );
}

/** The folder of ours that an import leads to; nothing for a library. */
function folderOf({ path }: Source, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const [folder] = normalize(join(dirname(path), specifier)).split('/');
  return folder;
}

/** The command line is the program's entry: it starts the parts, so it alone of the transport knows them. */
function mayImport({ path, folder }: Source, target: string): boolean {
  const isEntry = path.startsWith(join('transport', 'cli', '')) && target === 'actors';
  return isEntry || allowed[folder].some((each) => each === target);
}

function isBarrel({ code }: Source): boolean {
  const statements = code.replaceAll(/^import\b[^;]*;/gm, '').trim();
  return statements !== '' && statements.replaceAll(/^export\s+(type\s+)?(\*|\{[^}]*\})[^;]*;/gm, '').trim() === '';
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
