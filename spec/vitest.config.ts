/**
 * How the tests run: real servers and real guests on a small machine, so two files at a time and patient deadlines. Node
 * runs the sources as everywhere else, and a file shares its process with those before it: each has servers, ports and
 * folders of its own, and loading everything anew for each of them costs more than many of them do.
 */

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['spec/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    isolate: false,
    experimental: { viteModuleRunner: false, nodeLoader: false },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // What is polled for is sure to come, though not within a second on such a machine.
    expect: { poll: { timeout: 30_000 } },
    reporters: ['default'],
  },
});
