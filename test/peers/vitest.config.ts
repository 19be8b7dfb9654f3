// `npm run test:peers`: programs that nobody here wrote, on both sides of the proxy. What is not installed is left out, and said.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/peers/*.peers.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/peers/pair-table.ts'],
  },
});
