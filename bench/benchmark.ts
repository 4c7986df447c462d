/** What each benchmark of this folder exports. */
export interface Benchmark {
  /** Measures, and returns what `--json` prints. */
  run(): Promise<object>;
  /** The result for people. Default: its figures side by side. */
  table?(result: object): string;
}
