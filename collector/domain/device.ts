/** What a user agent tells: device type, browser, system, and whether it is a machine. Parsed once, then from an LRU. */
import { createIsbotFromList, list } from 'isbot';
import { LRUCache } from 'lru-cache';
import { UAParser } from 'ua-parser-js';

export interface Device {
  device_type: string;
  browser: string;
  os: string;
  bot: boolean;
}

/** User agents are cut here before parsing: longer ones are junk, and the parser's time grows with length. */
const LONGEST = 512;

const parsed = new LRUCache<string, Device>({ max: 10_000 });

export function deviceOf(user_agent: string | undefined): Device {
  const text = (user_agent ?? '').slice(0, LONGEST);
  let device = parsed.get(text);
  if (!device) {
    device = parse(text);
    parsed.set(text, device);
  }
  return device;
}

/** A server's event has no browser behind it. */
export const NO_DEVICE: Device = { device_type: 'server', browser: '', os: '', bot: false };

/**
 * Crawlers, link previews and HTTP libraries. A headless browser is none: it runs the page as a visitor's does, mostly in somebody's
 * test of the shop, who would look for its session in vain.
 */
export const isBot = createIsbotFromList(list.filter((pattern) => !/headless/i.test(pattern)));

function parse(text: string): Device {
  if (text === '') return { device_type: 'unknown', browser: '', os: '', bot: false };
  const { browser, os, device } = new UAParser(text).getResult();
  const bot = isBot(text);
  return {
    device_type: bot ? 'bot' : (device.type ?? (os.name ? 'desktop' : 'unknown')),
    browser: known(browser.name),
    os: known(os.name),
    bot,
  };
}

/** Names are kept short, so that invented user agents cannot fill the table of devices with novels. */
function known(name: string | undefined): string {
  return name && name.length <= 32 ? name : '';
}
