/** Lets a WebDriver client drive Firefox where there is no geckodriver: its HTTP in, Firefox's own Marionette over TCP out. */
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

export interface Bridge {
  /** What a WebDriver client takes for its server. */
  readonly url: string;
  close(): void;
}

/** `port` is the one on 127.0.0.1 that Firefox's `marionette.port` names. */
export async function bridgeMarionette(port: number): Promise<Bridge> {
  const marionette = await connectMarionette(port);
  const server = createServer((req, res) => {
    answer(marionette, req).then(
      (value) => res.setHeader('content-type', 'application/json').end(JSON.stringify({ value })),
      (error: unknown) => {
        const value = isFailure(error) ? error : { error: 'unknown error', message: String(error), stacktrace: '' };
        res.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ value }));
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      marionette.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

type Params = Record<string, unknown>;
interface Failure {
  error: string;
  message: string;
  stacktrace: string;
}
interface Marionette {
  send(command: string, params: Params): Promise<unknown>;
  close(): void;
}

/** WebDriver's endpoints under `/session/ID`. A name in braces joins the command's parameters. */
const ENDPOINTS: readonly (readonly [method: string, path: string, command: string])[] = [
  ['GET', 'timeouts', 'GetTimeouts'],
  ['POST', 'timeouts', 'SetTimeouts'],
  ['GET', 'url', 'GetCurrentURL'],
  ['POST', 'url', 'Navigate'],
  ['POST', 'back', 'Back'],
  ['POST', 'forward', 'Forward'],
  ['POST', 'refresh', 'Refresh'],
  ['GET', 'title', 'GetTitle'],
  ['GET', 'source', 'GetPageSource'],
  ['GET', 'window', 'GetWindowHandle'],
  ['POST', 'window', 'SwitchToWindow'],
  ['DELETE', 'window', 'CloseWindow'],
  ['POST', 'window/new', 'NewWindow'],
  ['GET', 'window/handles', 'GetWindowHandles'],
  ['GET', 'window/rect', 'GetWindowRect'],
  ['POST', 'window/rect', 'SetWindowRect'],
  ['POST', 'window/maximize', 'MaximizeWindow'],
  ['POST', 'window/minimize', 'MinimizeWindow'],
  ['POST', 'window/fullscreen', 'FullscreenWindow'],
  ['POST', 'frame', 'SwitchToFrame'],
  ['POST', 'frame/parent', 'SwitchToParentFrame'],
  ['POST', 'execute/sync', 'ExecuteScript'],
  ['POST', 'execute/async', 'ExecuteAsyncScript'],
  ['GET', 'element/active', 'GetActiveElement'],
  ['POST', 'element', 'FindElement'],
  ['POST', 'elements', 'FindElements'],
  ['POST', 'element/{element}/element', 'FindElement'],
  ['POST', 'element/{element}/elements', 'FindElements'],
  ['GET', 'element/{id}/shadow', 'GetShadowRoot'],
  ['POST', 'shadow/{shadowRoot}/element', 'FindElementFromShadowRoot'],
  ['POST', 'shadow/{shadowRoot}/elements', 'FindElementsFromShadowRoot'],
  ['GET', 'element/{id}/selected', 'IsElementSelected'],
  ['GET', 'element/{id}/enabled', 'IsElementEnabled'],
  ['GET', 'element/{id}/displayed', 'IsElementDisplayed'],
  ['GET', 'element/{id}/attribute/{name}', 'GetElementAttribute'],
  ['GET', 'element/{id}/property/{name}', 'GetElementProperty'],
  ['GET', 'element/{id}/css/{propertyName}', 'GetElementCSSValue'],
  ['GET', 'element/{id}/text', 'GetElementText'],
  ['GET', 'element/{id}/name', 'GetElementTagName'],
  ['GET', 'element/{id}/rect', 'GetElementRect'],
  ['POST', 'element/{id}/click', 'ElementClick'],
  ['POST', 'element/{id}/clear', 'ElementClear'],
  ['POST', 'element/{id}/value', 'ElementSendKeys'],
  ['POST', 'actions', 'PerformActions'],
  ['DELETE', 'actions', 'ReleaseActions'],
  ['GET', 'cookie', 'GetCookies'],
  ['GET', 'cookie/{name}', 'GetCookies'],
  ['POST', 'cookie', 'AddCookie'],
  ['DELETE', 'cookie', 'DeleteAllCookies'],
  ['DELETE', 'cookie/{name}', 'DeleteCookie'],
  ['POST', 'alert/accept', 'AcceptAlert'],
  ['POST', 'alert/dismiss', 'DismissAlert'],
  ['GET', 'alert/text', 'GetAlertText'],
  ['POST', 'alert/text', 'SendAlertText'],
  ['GET', 'screenshot', 'TakeScreenshot'],
  ['GET', 'element/{id}/screenshot', 'TakeScreenshot'],
];

const ELEMENT_KEY = 'element-6066-11e4-a52e-4f735466cecf';

async function answer(marionette: Marionette, req: IncomingMessage): Promise<unknown> {
  const body = await readJson(req);
  const [session, , ...rest] = (req.url ?? '').slice(1).split('/').map(decodeURIComponent);
  if (req.url === '/status') return { ready: true, message: 'Marionette' };
  if (req.url === '/session') return marionette.send('WebDriver:NewSession', wantedCapabilities(body));
  if (session === 'session' && req.method === 'DELETE' && rest.length === 0) {
    await marionette.send('Marionette:Quit', { flags: ['eForceQuit'] });
    return null;
  }
  const endpoint = findEndpoint(req.method ?? '', rest);
  if (session !== 'session' || !endpoint) throw failure('unknown command', `${req.method} ${req.url}`);
  const value = await marionette.send(`WebDriver:${endpoint.command}`, paramsOf(endpoint.command, { ...body, ...endpoint.params }));
  if (endpoint.command === 'GetCookies' && endpoint.params.name) return findCookie(value as Params[], endpoint.params.name);
  return isObject(value) && Object.keys(value).join() === 'value' ? value.value : value;
}

function findEndpoint(method: string, parts: readonly string[]): { command: string; params: Params } | undefined {
  for (const [itsMethod, path, command] of ENDPOINTS) {
    const pattern = path.split('/');
    if (itsMethod !== method || pattern.length !== parts.length) continue;
    const params: Params = {};
    const fits = pattern.every((part, i) => {
      if (!part.startsWith('{')) return part === parts[i];
      params[part.slice(1, -1)] = parts[i];
      return true;
    });
    if (fits) return { command, params };
  }
  return undefined;
}

function paramsOf(command: string, params: Params): Params {
  if (command === 'SwitchToFrame' && isObject(params.id)) return { element: params.id[ELEMENT_KEY] };
  if (command === 'TakeScreenshot') return { ...params, full: false, hash: false };
  return params;
}

function findCookie(cookies: readonly Params[], name: unknown): Params {
  const cookie = cookies.find((one) => one.name === name);
  if (!cookie) throw failure('no such cookie', String(name));
  return cookie;
}

/** Marionette takes the wanted capabilities flat and refuses those that only a driver understands. */
function wantedCapabilities(body: Params): Params {
  const { alwaysMatch } = (body.capabilities ?? {}) as { alwaysMatch?: Params };
  const entries = Object.entries(alwaysMatch ?? {}).filter(([name]) => name !== 'browserName' && !name.includes(':'));
  return Object.fromEntries(entries);
}

/** Marionette frames each message as `LENGTH:JSON`: a greeting, then `[0,id,command,params]` out and `[1,id,error,result]` in. */
function connectMarionette(port: number): Promise<Marionette> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();
  let lastId = 0;
  let received: Buffer = Buffer.alloc(0);

  const marionette: Marionette = {
    send: (command, params) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(failure('invalid session id', 'Firefox is gone'));
        const id = ++lastId;
        waiting.set(id, { resolve, reject });
        const message = JSON.stringify([0, id, command, params]);
        socket.write(`${Buffer.byteLength(message)}:${message}`);
      }),
    close: () => socket.destroy(),
  };

  return new Promise((resolve, reject) => {
    const take = (message: unknown) => {
      if (!Array.isArray(message)) return resolve(marionette);
      const [, id, error, result] = message as [number, number, Failure | null, unknown];
      const waiter = waiting.get(id);
      waiting.delete(id);
      if (error) waiter?.reject(error);
      else waiter?.resolve(result);
    };
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const colon = received.indexOf(':');
        const end = colon + 1 + Number(received.subarray(0, Math.max(colon, 0)).toString());
        if (colon < 0 || received.length < end) return;
        const message: unknown = JSON.parse(received.subarray(colon + 1, end).toString());
        received = received.subarray(end);
        take(message);
      }
    });
    socket.on('error', reject);
    socket.on('close', () => {
      reject(failure('unknown error', 'Firefox closed the connection'));
      for (const waiter of waiting.values()) waiter.reject(failure('invalid session id', 'Firefox closed the connection'));
      waiting.clear();
    });
  });
}

async function readJson(req: IncomingMessage): Promise<Params> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? {} : (JSON.parse(text) as Params);
}

function failure(error: string, message: string): Failure {
  return { error, message, stacktrace: '' };
}

function isFailure(value: unknown): value is Failure {
  return isObject(value) && typeof value.error === 'string';
}

function isObject(value: unknown): value is Params {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
