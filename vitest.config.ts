import { defineConfig } from 'vitest/config';
import { LastLine } from './test/reporter.ts';

/**
 * Two kinds of test: those that compute (seconds, all day), and those that need the emulator (`*.emulator.test.ts`),
 * which share the one that the setup starts.
 */
export default defineConfig({
  test: {
    reporters: ['default', new LastLine()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.emulator.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'emulator',
          include: ['test/**/*.emulator.test.ts'],
          globalSetup: ['test/emulator.setup.ts'],
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
