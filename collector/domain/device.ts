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
    // Junk costs next to nothing to judge again, and does not push out what visitors have.
    if (device !== UNKNOWN) parsed.set(text, device);
  }
  return device;
}

/** A server's event has no browser behind it. */
export const NO_DEVICE: Device = { device_type: 'server', browser: '', os: '', bot: false };

/**
 * Crawlers, link previews and HTTP libraries. A headless browser is none: it runs the page as a visitor's does, mostly in somebody's
 * test of the shop, who would look for its session in vain.
 */
const isBot = createIsbotFromList(list.filter((pattern) => !/headless/i.test(pattern)));

/** How every browser introduces itself, for thirty years now. What does not is no browser, and not worth looking into. */
const BROWSER = /^(?:Mozilla|Opera|Dalvik)\/\d/;
/** Words of which at least one stands in the user agent of whatever is no desktop. The parser asks a hundred expressions for the same. */
const HANDHELD =
  /mobi|android|iphone|ipad|ipod|tablet|phone|tv|kindle|silk|kfapwi|playbook|bb10|blackberry|xbox|playstation|nintendo|watch|quest|oculus|vision|webos|tizen|roku|crkey|kaios|symbian|bravia|viera|aft[a-z]|opera mini|touch|glass/i;
/** What tells something of a browser stands at the front; the parser's time grows with length. */
const PARSED = 256;

function parse(text: string): Device {
  const bot = isBot(text);
  if (!BROWSER.test(text)) return bot ? UNNAMED_BOT : UNKNOWN;
  const agent = new UAParser(text.slice(0, PARSED));
  const os = known(agent.getOS().name);
  const type = bot ? 'bot' : HANDHELD.test(text) ? agent.getDevice().type : undefined;
  return { device_type: type ?? (os ? 'desktop' : 'unknown'), browser: known(agent.getBrowser().name), os, bot };
}

const UNKNOWN: Device = { device_type: 'unknown', browser: '', os: '', bot: false };
const UNNAMED_BOT: Device = { ...UNKNOWN, device_type: 'bot', bot: true };

/** Names are kept short, so that invented user agents cannot fill the table of devices with novels. */
function known(name: string | undefined): string {
  return name && name.length <= 32 ? name : '';
}
