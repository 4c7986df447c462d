/** One scripted visit in real Chromium: what a tag costs the page's main thread. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from '../../test/browser/engines.ts';

export interface VisitCost {
  /** Compiling and running the script, until it returns. */
  evaluation_ms: number;
  /** All the page's scripts during the visit, the evaluation included. */
  script_ms: number;
  /** All tasks of the main thread: scripts, and what they make it do. */
  main_thread_ms: number;
}

export interface Stage {
  url: string;
  /** Bodies and addresses of requests since the last look. */
  requests(): number;
  close(): void;
}

/** Some tags tell nothing from localhost; the browser is to be told that this host is here. */
export const HOST = 'www.bench.test';

/** Serves an empty shop page, and says yes to whatever a tag sends. */
export async function openStage(): Promise<Stage> {
  let requests = 0;
  const server: Server = createServer((req, res) => {
    req.resume();
    if (req.url === '/') return res.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    requests += 1;
    res.writeHead(200, { 'content-type': 'application/json', 'access-control-allow-origin': '*' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}`,
    requests() {
      const counted = requests;
      requests = 0;
      return counted;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Without code: the visit alone, which is to be taken off. */
export async function visitWith({ driver, cdp }: Browser, { url }: Stage, code: string | null): Promise<VisitCost> {
  await cdp('Network.clearBrowserCookies');
  await driver.get(`${url}/`);
  await driver.executeScript('localStorage.clear(); sessionStorage.clear()');
  await driver.get(`${url}/`);
  await cdp('Performance.enable');
  const before = await metrics(cdp);
  const evaluation_ms = await driver.executeScript<number>(EVALUATE, code ?? '', url);
  await driver.executeAsyncScript(VISIT);
  await sleep(200);
  const after = await metrics(cdp);
  const took = (name: string): number => ((after[name] ?? 0) - (before[name] ?? 0)) * 1_000;
  return { evaluation_ms, script_ms: took('ScriptDuration'), main_thread_ms: took('TaskDuration') };
}

async function metrics(cdp: Browser['cdp']): Promise<Record<string, number>> {
  const { metrics: list } = (await cdp('Performance.getMetrics')) as { metrics: { name: string; value: number }[] };
  return Object.fromEntries(list.map(({ name, value }) => [name, value]));
}

const PAGE = `<!doctype html><meta charset=utf-8><title>A shop</title><link rel=icon href=data:,><h1>A shop</h1>
  <p>${'Words of a product. '.repeat(400)}</p><a id=out href="https://other.invalid/" onclick="return false">out</a><form id=form onsubmit="return false"><input name=q><button>go</button></form>`;

/** As a script element whose text is at hand: no network in the figure. Ours asks which element it is. */
const EVALUATE = `
  const [code, url] = arguments;
  Object.defineProperty(document, 'currentScript', { value: { src: url + '/t.js?site=bench', attributes: [] }, configurable: true });
  const script = document.createElement('script');
  script.textContent = code;
  const started = performance.now();
  document.head.append(script);
  const took = performance.now() - started;
  window.driven = window.driven || (window.footfall && { track: (name, props) => footfall('track', name, props), identify: (id) => footfall('identify', id) });
  return took;`;

/** 3 seconds of a visitor: 5 pages in one, 20 events, scrolling, clicks, a form, a login. */
const VISIT = `
  const done = arguments[arguments.length - 1];
  const { driven } = window;
  let step = 0;
  const timer = setInterval(() => {
    step += 1;
    if (step % 4 === 0) history.pushState({}, '', '/page-' + step);
    if (driven) driven.track('add_to_cart', { item_id: 'TV-' + step, price: '499.00', currency: 'EUR' });
    scrollTo(0, step * 40);
    if (step % 5 === 0) document.getElementById('out').click();
    if (step === 10 && driven) driven.identify('C1');
    if (step === 15) document.getElementById('form').requestSubmit();
    if (step < 20) return;
    clearInterval(timer);
    setTimeout(done, 1000);
  }, 100);`;
