/** Clicks, forms and marked elements: watched, never touched. */
// @vitest-environment node
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openBrowser, type Sink, sleep, startSink, until } from './browser.ts';

let sink: Sink;
let browser: ReturnType<typeof openBrowser>;
beforeEach(async () => {
  sink = await startSink();
  browser = openBrowser(sink);
});
afterEach(async () => {
  browser.close();
  await sink.close();
});
const captured = async () => (await until(() => sink.events().some(({ type }) => type === 'end') && sink.events())).slice(1, -1);

const HTML = `
  <a id="out" href="https://other.example/x?y=1"><b id="inner">out</b></a> <a id="in" href="/b">in</a> <a id="mail" href="mailto:a@b.example">mail</a>
  <button id="wish" data-ff-event="add_to_wishlist" data-ff-item-id="TV-55"><i id="heart">♥</i></button>
  <form id="sign" action="/signup?x=1"><input name="id" value="secret-1"><input name="email" value="jane@mail.example"><button id="go">go</button></form>`;

test('clicks that leave the shop are told, by any button but the menu’s, and others are not', async () => {
  const { window, footfall } = browser.open({ html: HTML });
  window.addEventListener('click', (event) => event.preventDefault());
  const press = (id: string, type: string, init: MouseEventInit) => {
    const target = window.document.getElementById(id);
    target?.dispatchEvent(new window.MouseEvent(type, { bubbles: true, composed: true, cancelable: true, ...init }));
  };
  press('inner', 'click', {});
  press('out', 'click', { ctrlKey: true });
  press('out', 'auxclick', { button: 1 });
  press('out', 'auxclick', { button: 2 });
  press('in', 'click', {});
  press('mail', 'click', {});
  footfall('track', 'end');
  const click = { type: 'click', props: { link_url: 'https://other.example/x?y=1', outbound: true } };
  expect(await captured()).toEqual([click, click, click].map((event) => expect.objectContaining(event)));
});

test('a click that the page stops is told all the same, and is not prevented by the tag', async () => {
  const { window, footfall } = browser.open({ html: HTML });
  const out = window.document.getElementById('out') as HTMLElement;
  let prevented: boolean | undefined;
  out.addEventListener('click', (event) => {
    prevented = event.defaultPrevented;
    event.preventDefault();
    event.stopImmediatePropagation();
  });
  out.click();
  footfall('track', 'end');
  expect((await captured()).map(({ type }) => type)).toEqual(['click']);
  expect(prevented).toBe(false);
});

test('a marked element tells its event, with its other data-ff attributes', async () => {
  const { window, footfall } = browser.open({ html: HTML });
  window.document.getElementById('heart')?.click();
  window.document.getElementById('heart')?.dispatchEvent(new window.MouseEvent('click', { bubbles: true }));
  footfall('track', 'end');
  expect((await captured())[0]).toMatchObject({ type: 'add_to_wishlist', props: { item_id: 'TV-55' } });
});

test('a form tells the names of its fields and no value', async () => {
  const { window, footfall } = browser.open({ html: HTML });
  const form = window.document.getElementById('sign') as HTMLFormElement;
  form.addEventListener('submit', (event) => event.preventDefault());
  (window.document.getElementById('go') as HTMLElement).click();
  footfall('track', 'end');
  const [event] = await captured();
  expect(event).toMatchObject({ type: 'form_submit', props: { form_id: 'sign', fields: ['id', 'email', ''] } });
  expect(JSON.stringify(sink.requests)).not.toMatch(/secret-1|jane@/);
});

test('clicks on nothing in particular say nothing', async () => {
  const { window, footfall } = browser.open({ html: HTML });
  window.document.dispatchEvent(new window.MouseEvent('click', { bubbles: true }));
  window.document.body.click();
  await sleep(20);
  footfall('track', 'end');
  expect(await captured()).toEqual([]);
});
