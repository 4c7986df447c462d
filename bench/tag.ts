/** The tag beside real peers: bytes, and what each costs the page in real Chromium. One table, one run. */
import { type Browser, launch } from '../test/browser/engines.ts';
import { median } from './harness/load.ts';
import { machine } from './harness/servers.ts';
import { type Bundle, bundles } from './tag/bundles.ts';
import { HOST, openStage, type Stage, type VisitCost, visitWith } from './tag/visit.ts';

/** Milliseconds are medians of the rounds; script and main thread without the page's own share. */
export interface TagFigures extends Omit<Bundle, 'code' | 'name'>, VisitCost {
  requests: number;
}

export interface TagResult {
  scenario: string;
  ours: TagFigures;
  /** The same visit on a page without a tag, which is taken off above. */
  floor: VisitCost;
  /** Our brotli bytes by those of the smallest peer that queues, identifies and keeps sessions. */
  ratio: number;
  rounds: number;
  peers: Record<string, TagFigures>;
  machine: object;
}

const ROUNDS = 5;

export async function run(): Promise<TagResult> {
  const [compared, stage, browser] = await Promise.all([
    bundles(),
    openStage(),
    launch('chromium', { args: [`--host-resolver-rules=MAP ${HOST} 127.0.0.1`] }),
  ]);
  try {
    const { floor, costs, requests } = await measure(compared, stage, browser);
    const figures = compared.map(({ code: _, name, ...bundle }): [string, TagFigures] => [
      name,
      { ...bundle, ...without(middle(costs.get(name) ?? []), floor), requests: requests.get(name) ?? 0 },
    ]);
    const { footfall: ours, ...peers } = Object.fromEntries(figures);
    if (!ours) throw new Error('our own tag was not measured');
    const full = Object.values(peers).filter(({ does }) => does.includes('queue'));
    const ratio = ours.brotli_bytes / Math.min(...full.map(({ brotli_bytes }) => brotli_bytes));
    return { scenario: 'a visit of 3 s: 5 pages, 20 events', ours, floor, ratio: round(ratio), rounds: ROUNDS, peers, machine: machine() };
  } finally {
    await browser.close();
    stage.close();
  }
}

export function table({ ours, peers, floor }: TagResult): string {
  const line = (cells: (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const row = (name: string, f: TagFigures) =>
    line([
      `${name} ${f.version}`,
      f.bytes,
      f.gzip_bytes,
      f.brotli_bytes,
      f.evaluation_ms,
      f.script_ms,
      f.main_thread_ms,
      f.requests,
      f.does,
    ]);
  return [
    line(['tag', 'min', 'gzip', 'brotli 11', 'evaluation ms', 'script ms', 'main thread ms', 'requests', 'does']),
    line(Array.from({ length: 9 }, () => '---')),
    row('**footfall**', ours),
    ...Object.entries(peers).map(([name, figures]) => row(name, figures)),
    `\nThe page without a tag: script ${floor.script_ms} ms, main thread ${floor.main_thread_ms} ms (taken off above).`,
  ].join('\n');
}

/** In turn, so that what else the machine does falls on all alike. */
async function measure(compared: readonly Bundle[], stage: Stage, browser: Browser) {
  const costs = new Map<string, VisitCost[]>();
  const requests = new Map<string, number>();
  const floors: VisitCost[] = [];
  for (let one = 0; one <= ROUNDS; one += 1) {
    const bare = await visitWith(browser, stage, null);
    if (one > 0) floors.push(bare);
    for (const { name, code } of compared) {
      stage.requests();
      const cost = await visitWith(browser, stage, code);
      requests.set(name, stage.requests());
      // The first round warms up.
      if (one > 0) costs.set(name, [...(costs.get(name) ?? []), cost]);
    }
  }
  return { floor: middle(floors), costs, requests };
}

function middle(costs: readonly VisitCost[]): VisitCost {
  const of = (name: keyof VisitCost): number => round(median(costs.map((cost) => cost[name])));
  return { evaluation_ms: of('evaluation_ms'), script_ms: of('script_ms'), main_thread_ms: of('main_thread_ms') };
}

function without(cost: VisitCost, floor: VisitCost): VisitCost {
  return {
    evaluation_ms: cost.evaluation_ms,
    script_ms: round(cost.script_ms - floor.script_ms),
    main_thread_ms: round(cost.main_thread_ms - floor.main_thread_ms),
  };
}

const round = (value: number): number => Math.round(value * 100) / 100;
