/** What user agents tell, and that telling is cheap for those that tell nothing. */
import { UAParser } from 'ua-parser-js';
import { expect, test } from 'vitest';
import { deviceOf } from '../../collector/domain/device.ts';

const AGENTS: Record<string, { device_type: string; bot: boolean }> = {
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36': desktop(),
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15': desktop(),
  'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0': desktop(),
  'Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36': desktop(),
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1':
    { device_type: 'mobile', bot: false },
  'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36': {
    device_type: 'mobile',
    bot: false,
  },
  'Mozilla/5.0 (Linux; Android 14; SM-X810) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36': {
    device_type: 'tablet',
    bot: false,
  },
  'Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1': {
    device_type: 'tablet',
    bot: false,
  },
  'Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/4.0 Chrome/76.0.3809.146 TV Safari/537.36':
    { device_type: 'smarttv', bot: false },
  'Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36 WebAppManager': {
    device_type: 'smarttv',
    bot: false,
  },
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edge/44.18363.8131':
    { device_type: 'console', bot: false },
  'Mozilla/5.0 (PlayStation; PlayStation 5/6.50) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.4 Safari/605.1.15': {
    device_type: 'console',
    bot: false,
  },
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)': { device_type: 'bot', bot: true },
  'curl/8.5.0': { device_type: 'bot', bot: true },
  'c29tZSBqdW5rIHRoYXQgbm8gYnJvd3NlciBzZW5kcw==': { device_type: 'unknown', bot: false },
};

test.each(Object.entries(AGENTS))('%s', (agent, expected) => {
  expect(deviceOf(agent)).toMatchObject(expected);
});

test('of whatever is no bot, the short way finds the kind of device that the whole parser finds', () => {
  for (const [agent, { bot }] of Object.entries(AGENTS)) {
    const { device, browser, os } = new UAParser(agent).getResult();
    if (bot) continue;
    expect(deviceOf(agent)).toEqual({
      device_type: device.type ?? (os.name ? 'desktop' : 'unknown'),
      browser: browser.name ?? '',
      os: os.name ?? '',
      bot,
    });
  }
});

function desktop(): { device_type: string; bot: boolean } {
  return { device_type: 'desktop', bot: false };
}
