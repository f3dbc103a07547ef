/**
 * How the tests run: real servers and real guests on a small machine, so two files at a time and patient deadlines. Node
 * runs the sources as everywhere else. Each file has a process of its own: what a file has started is gone with it, and
 * so is the memory that it took.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['spec/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    experimental: { viteModuleRunner: false, nodeLoader: false },
    testTimeout: 180_000,
    hookTimeout: 240_000,
    // What is polled for is sure to come, though not within a second on such a machine.
    expect: { poll: { timeout: 30_000 } },
    reporters: ['default'],
  },
});
