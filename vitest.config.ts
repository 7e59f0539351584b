import { defineConfig } from 'vitest/config';
import { LastLine } from './test/reporter.ts';

/**
 * Three kinds of test: those that take seconds all together, for all day; files that take five or more each
 * (`*.long.test.ts`); and those that need the emulator (`*.emulator.test.ts`), which share the one that the setup starts.
 */
export default defineConfig({
  test: {
    reporters: ['default', new LastLine()],
    // All cores, where the default leaves one idle: half of an emulator test is waiting.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.emulator.test.ts', 'test/**/*.long.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/**/*.long.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
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
