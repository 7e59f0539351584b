import { writeSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Ends the output with `N passed, N failed`, and `, N skipped` when there are any: the line that CI reads. */
export class LastLine implements Reporter {
  // What a run that is stopped or crashes leaves standing.
  #counts: Counts = { passed: 0, failed: 1, skipped: 0 };

  /** Not in the constructor: other tools load the configuration, and this object with it. */
  onInit(): void {
    // Teardowns and other reporters may still print when the run ends; at exit nobody does.
    process.on('exit', () => writeSync(1, `${lastLine(this.#counts)}\n`));
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[], reason: string): void {
    const counts = countTests(modules);
    const failed = counts.failed + errors.length;
    // Such as a run that was interrupted between two tests.
    this.#counts = { ...counts, failed: failed === 0 && reason !== 'passed' ? 1 : failed };
  }
}

export function lastLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** A file that does not load counts as one failure, and so does a suite whose hooks fail. */
function countTests(modules: readonly TestModule[]): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // A test that never ran, because its run was stopped, has not passed.
      counts[state === 'pending' ? 'failed' : state]++;
    }
    const suites = [module, ...module.children.allSuites()];
    counts.failed += suites.filter((suite) => suite.errors().length > 0).length;
  }
  return counts;
}
