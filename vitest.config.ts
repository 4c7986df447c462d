/** Test projects: `unit` and `client` are fast; `contract`, `browser` and `e2e` use real servers and browsers. */
import { defineConfig } from 'vitest/config';
import { summaryReporter } from './test/summary-reporter.ts';

/** Tests of the collector that take their time: they run beside the contract suites, so that `npm run test:unit` stays quick. */
const SLOW = ['test/collector/{print,stream,import,export}.test.ts', 'test/docs-commands.test.ts'];
/** Tests that touch no store: once is enough. */
const STORELESS = [
  'test/collector/{ui-*,gs1,device,print,simulate,rivals,order-event,stream-message,text,check}.test.ts',
  'test/collector/linking/**',
];

/** Tests that mostly wait, for timers and answers: more at once than there are processors. */
const TOGETHER = { maxWorkers: 4 };
/** After those; two at once, since databases and brokers are waited for. */
const LATER = { maxWorkers: 2, sequence: { groupOrder: 1 } };

/** Projects whose tests may want a PostgreSQL. */
const POSTGRES = { globalSetup: 'test/postgres-on-demand.ts' };

const project = (name: string, include: string[], more: object = {}) => ({
  // On a busy machine a second, the default of `expect.poll`, is soon over.
  test: { name, include, testTimeout: 20_000, hookTimeout: 60_000, expect: { poll: { timeout: 10_000 } }, ...more },
});

export default defineConfig({
  test: {
    reporters: ['default', summaryReporter()],
    projects: [
      project('unit', ['test/collector/**/*.test.ts', 'test/*.test.ts'], { exclude: SLOW, ...TOGETHER, ...POSTGRES }),
      project('client', ['test/client/**/*.test.ts'], { environment: 'jsdom', ...TOGETHER }),
      project('contract', ['test/contract/**/*.test.ts', ...SLOW], { testTimeout: 120_000, ...LATER, ...POSTGRES }),
      // The same suites on PostgreSQL.
      project('postgres', ['test/contract/{linking,cost,erasure}.test.ts', 'test/collector/**/*.test.ts', 'test/e2e/{jane,feed}.test.ts'], {
        exclude: STORELESS,
        testTimeout: 120_000,
        env: { STORE: 'postgres' },
        ...LATER,
        ...POSTGRES,
      }),
      // On PostgreSQL: STORE=postgres npx vitest run --project browser
      project('browser', ['test/browser/**/*.test.ts'], {
        testTimeout: 180_000,
        hookTimeout: 120_000,
        fileParallelism: false,
        ...POSTGRES,
      }),
      project('e2e', ['test/e2e/**/*.test.ts'], { testTimeout: 180_000, hookTimeout: 120_000, fileParallelism: false, ...POSTGRES }),
    ],
  },
});
