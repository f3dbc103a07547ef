/**
 * `npm test`: makes the machine ready for the tests, runs them, and says how many passed in its very last line:
 * `N passed, N failed`, with `, N skipped` when any was.
 *
 * Arguments go to vitest: `npm test -- spec/setup` runs the files whose path holds that.
 *
 * What only some tests need (libvirt, the test image) is reported when it cannot be had, and those tests then tell;
 * without a nats-server nothing is run at all.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultCacheDir } from '../actors/setup/cache-dir.ts';
import { ensureDashboard } from '../actors/setup/dashboard.ts';
import { ensurePackages } from '../actors/setup/debian-packages.ts';
import { ensureLibvirt } from '../actors/setup/libvirt-daemon.ts';
import { describeMissing } from '../actors/setup/setup.ts';
import { buildTestImage } from '../actors/setup/test-image.ts';
import { toFailure } from '../machines/failure.ts';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** What vitest's JSON reporter writes, as far as it is read here. */
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { name: string; status: string; assertionResults: unknown[] }[];
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  if (!(await prepare())) return 1;
  const folder = mkdtempSync(join(tmpdir(), 'kilonova-test-'));
  try {
    const path = join(folder, 'report.json');
    const code = await runVitest(path, args);
    const counts = readCounts(path);
    if (!counts) {
      console.error('vitest ended before it could report');
      return code || 1;
    }
    const { passed, failed, skipped } = counts;
    if (code !== 0 && failed === 0) console.error(`vitest ended with code ${code}, though no test failed`);
    if (passed + failed === 0) console.error('no test was run');
    console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
    return code || (failed > 0 || passed === 0 ? 1 : 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** False when there is no point in running any test. */
async function prepare(): Promise<boolean> {
  const report = (line: string) => console.error(`kilonova: ${line}`);
  const packages = await ensurePackages(['nats', 'libvirt', 'test-image', 'tests'], report);
  if (packages.missing.length > 0) report(describeMissing('something the tests need', packages));
  if (packages.missing.includes('nats-server')) return false;
  const cacheDir = defaultCacheDir();
  const steps: Record<string, () => Promise<unknown>> = {
    libvirt: () => ensureLibvirt({ stateDir: join(cacheDir, 'libvirt'), report }),
    'the dashboard': () => ensureDashboard(report),
    'the test image': () => buildTestImage({ cacheDir, report }),
  };
  for (const [name, step] of Object.entries(steps)) {
    await step().catch((error: unknown) => report(`${name} cannot be had: ${toFailure(error).message}`));
  }
  return true;
}

function runVitest(reportPath: string, args: readonly string[]): Promise<number> {
  const words = [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    ...['--config', join(root, 'spec', 'vitest.config.ts')],
    ...['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`],
    ...args,
  ];
  const child = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  // vitest hears of Ctrl-C from the terminal and ends in an orderly way; so that we can still count, we wait for it.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolveCode) => {
    child.on('error', (error) => {
      console.error(error.message);
      resolveCode(1);
    });
    child.on('exit', (code, signal) => resolveCode(code ?? 128 + (constants.signals[signal ?? 'SIGTERM'] ?? 0)));
  });
}

function readCounts(path: string): Counts | undefined {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
    // A file that could not be loaded has no tests to fail, and must not pass for that.
    const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + broken.length,
      skipped: report.numPendingTests + report.numTodoTests,
    };
  } catch {
    return undefined;
  }
}
