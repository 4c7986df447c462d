/** A jsdom browser for the tag's tests: pages that share cookies and storage, a clock to turn, and a real collector-like server that notes what arrives. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSync } from 'esbuild';
import { CookieJar, type DOMWindow, JSDOM } from 'jsdom';
import type { Batch, WireEvent } from '../../protocol/event.ts';

const [bundle] = buildSync({ entryPoints: ['client/t.ts'], bundle: true, format: 'iife', target: 'es2020', write: false }).outputFiles;
const TAG = bundle?.text ?? '';

type Request = Batch & { status: number };
type Footfall = (command: string, ...given: unknown[]) => void;
export type PageWindow = DOMWindow & { footfall: Footfall; dataLayer: unknown[] };

export interface Sink {
  url: string;
  requests: Request[];
  /** What the next requests are answered; 0 closes the connection. */
  answer: (batch: Batch, body: string) => number | [number, Record<string, string>];
  /** Acknowledged events, each once. */
  events: () => WireEvent[];
  close: () => Promise<void>;
}

export async function startSink(): Promise<Sink> {
  const requests: Request[] = [];
  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => (body += chunk));
    req.on('end', () => {
      const batch = JSON.parse(body) as Batch;
      const answer = sink.answer(batch, body);
      const [status, headers] = typeof answer === 'number' ? [answer, {}] : answer;
      requests.push({ ...batch, status });
      if (status === 0) return req.socket.destroy();
      res.writeHead(status, headers).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sink: Sink = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: () => 204,
    events: () => {
      const stored = requests.filter(({ status }) => status >= 200 && status < 300).flatMap(({ events }) => events);
      return [...new Map(stored.map((event) => [event.event_id, event])).values()];
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return sink;
}

export interface PageOptions {
  url?: string;
  /** Attributes of the script element, and its address. */
  data?: Record<string, string>;
  src?: string;
  html?: string;
  referrer?: string;
  hidden?: boolean;
  /** Runs before the tag, as the shop's own scripts do. */
  before?: (window: PageWindow) => void;
  quota?: number;
}

export interface Page {
  window: PageWindow;
  footfall: Footfall;
  hide: () => void;
  show: () => void;
  /** As when the visitor goes to another page. */
  leave: () => void;
  /** As a process killed: nothing is told. */
  kill: () => void;
  run: () => void;
}

/** One visitor's browser. `clock.now` drives the tag's time where it is set. */
export function openBrowser(sink: Sink) {
  const jar = new CookieJar();
  const stored = new Map<string, Record<string, string>>();
  const clock: { now?: number } = {};
  const pages: Page[] = [];
  let underWay = 0;

  function open({
    url = 'https://www.shop.example/',
    data = { site: 'demo' },
    src = 'https://t.shop.example/t.js',
    ...options
  }: PageOptions = {}): Page {
    const attributes = Object.entries(data).map(([name, value]) => ` data-${name}="${value}"`);
    const dom = new JSDOM(
      `<!doctype html><title>A page</title>${options.html ?? ''}<script async src="${src}"${attributes.join('')}></script>`,
      {
        url,
        cookieJar: jar,
        runScripts: 'outside-only',
        pretendToBeVisual: true,
        ...(options.referrer && { referrer: options.referrer }),
        ...(options.quota && { storageQuota: options.quota }),
      },
    );
    const window = dom.window as unknown as PageWindow;
    const { origin } = new URL(url);
    Object.assign(window.localStorage, stored.get(origin));
    if (clock.now !== undefined) (window as unknown as { Date: DateConstructor }).Date.now = () => clock.now as number;
    // The shop's names resolve to the sink; jsdom has no fetch of its own.
    window.fetch = ((address: string, init: RequestInit) => {
      underWay += 1;
      return fetch(sink.url + new URL(address).pathname, init).finally(() => {
        underWay -= 1;
      });
    }) as typeof fetch;
    let hidden = options.hidden ?? false;
    Object.defineProperty(window.document, 'hidden', { get: () => hidden });
    const keep = () => stored.set(origin, { ...window.localStorage });
    const turn = (to: boolean) => {
      hidden = to;
      window.document.dispatchEvent(new window.Event('visibilitychange'));
    };
    const script = window.document.querySelector('script[src]');
    const page: Page = {
      window,
      footfall: (...given) => window.footfall(...given),
      hide: () => turn(true),
      show: () => turn(false),
      leave: () => {
        window.dispatchEvent(new window.Event('pagehide'));
        turn(true);
        page.kill();
      },
      kill: () => {
        keep();
        window.close();
      },
      run: () => {
        Object.defineProperty(window.document, 'currentScript', { value: script, configurable: true });
        window.eval(TAG);
        Object.defineProperty(window.document, 'currentScript', { value: null, configurable: true });
      },
    };
    options.before?.(window);
    page.run();
    pages.push(page);
    return page;
  }

  function close(): void {
    for (const { window } of pages) window.close();
  }

  /** The acknowledged events, once there are as many and the pages have their answers. */
  const seen = (count: number) => until(() => underWay === 0 && sink.events().length >= count && sink.events(), 15_000);

  return { open, clock, jar, close, seen };
}

export async function until<T>(what: () => T | undefined | false | null, patience = 8_000): Promise<T> {
  const end = Date.now() + patience;
  for (;;) {
    const found = what();
    if (found) return found;
    if (Date.now() > end) throw new Error(`never came true: ${what}`);
    await sleep(10);
  }
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export const types = (events: WireEvent[]) => events.map(({ type }) => type);
