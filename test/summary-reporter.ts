/** Ends a test run with one plain line of counts, and fails a run in which nothing ran. */
import type { Reporter, TestModule } from 'vitest/node';

export interface Counts {
  passed: number;
  failed: number;
  /** Full names: what was left out is said, not only counted. */
  skipped: string[];
}

export function summaryReporter({ print = console.log, fail = failProcess } = {}): Reporter {
  return {
    onTestRunEnd(modules, unhandledErrors) {
      const counts = countTests(modules, unhandledErrors.length);
      for (const name of counts.skipped) print(`skipped: ${name}`);
      if (counts.passed + counts.failed === 0) {
        print('no test ran');
        fail();
      }
      print(summaryLine(counts));
    },
  };
}

export function summaryLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`;
}

/** A file, a group or a hook that breaks outside its tests counts as one failure: else the line would hide it. */
function countTests(modules: readonly TestModule[], unhandledErrors: number): Counts {
  const counts: Counts = { passed: 0, failed: unhandledErrors, skipped: [] };
  for (const module of modules) {
    counts.failed += module.errors().length;
    for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') counts.passed++;
      else if (state === 'failed') counts.failed++;
      else counts.skipped.push(`${module.relativeModuleId} > ${test.fullName}`);
    }
  }
  return counts;
}

function failProcess(): void {
  process.exitCode = 1;
}
