/**
 * Sees to it that the dashboard's pages are built: a checkout has their sources and builds them when they have changed, a
 * package carries what was built.
 *
 * Idempotent, and safe when several processes do it at once: each builds into a folder of its own and puts that in place
 * as a whole.
 */
import { createHash } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What the pages are made of. */
const inputs = [
  'transport/{dashboard,visualizer,messages}/**',
  'machines/**',
  'transport/clock.ts',
  'package-lock.json',
];
/** Says of which sources the pages were built. */
const stampFile = '.built-of';

const root = packageRoot(import.meta.dirname);
const sources = join(root, 'transport', 'dashboard');

/** Where the pages are served from. */
export const dashboardFolder: string = join(root, '.dashboard');

/** Rejects when they cannot be built. */
export async function ensureDashboard(report: (line: string) => void): Promise<void> {
  if (!existsSync(sources)) return;
  const stamp = await stampOfSources();
  if ((await builtOf()) === stamp) return;
  report('building the dashboard');
  const made = await mkdtemp(`${dashboardFolder}-`);
  const old = `${made}.old`;
  try {
    await build(made);
    await writeFile(join(made, stampFile), stamp);
    await rename(dashboardFolder, old).catch(ignoreMissing);
    // Whoever was a moment faster has built the same.
    await rename(made, dashboardFolder).catch(ignoreTaken);
  } finally {
    for (const folder of [made, old]) await rm(folder, { recursive: true, force: true });
  }
}

async function build(outDir: string): Promise<void> {
  const { build: bundle } = await import('vite');
  await bundle({
    root: sources,
    configFile: false,
    logLevel: 'warn',
    // What is inlined into a page its content security policy would refuse.
    build: { outDir, emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  });
}

async function builtOf(): Promise<string | undefined> {
  return readFile(join(dashboardFolder, stampFile), 'utf8').catch(ignoreMissing);
}

async function stampOfSources(): Promise<string> {
  const hash = createHash('sha256');
  const files = globSync(inputs, { cwd: root, withFileTypes: true }).filter((each) => each.isFile());
  for (const path of files.map(({ parentPath, name }) => join(parentPath, name)).sort()) {
    hash
      .update(path)
      .update('\0')
      .update(await readFile(path));
  }
  return hash.digest('hex');
}

function packageRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : packageRoot(dirname(folder));
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

function ignoreTaken(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
}
