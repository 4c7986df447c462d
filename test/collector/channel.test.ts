/** Channels by GA4's documented rules, and ours: each rule, its order, and what is known without labels. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CHANNELS, touchOf } from '../../collector/domain/channel.ts';

const channel = (query: string, referrer: string | null = null): string => touchOf(`https://shop.example/p?${query}`, referrer).channel;
const labelled = (source: string, medium: string, campaign = ''): string =>
  channel(new URLSearchParams({ utm_source: source, utm_medium: medium, ...(campaign && { utm_campaign: campaign }) }).toString());

test.each([
  ['qr', 'shelf-12', 'qr', ''],
  ['store', 'till', 'in_store', ''],
  ['store', 'till', 'store', ''],
  ['cross_network', 'google', 'cpc', 'sale-cross-network-1'],
  ['paid_shopping', 'ebay', 'cpc', ''],
  ['paid_shopping', 'google', 'cpc', 'Google Shopping'],
  ['paid_shopping', 'google', 'cpc', 'e-shop'],
  ['paid_search', 'google', 'cpc', 'workshop'],
  ['paid_search', 'Bing', 'CPC', ''],
  ['paid_search', 'duckduckgo', 'retargeting', ''],
  ['paid_social', 'facebook', 'paid_social', ''],
  ['paid_social', 'fb', 'ppc', ''],
  ['paid_video', 'youtube', 'cpv-cpm', ''],
  ['display', 'news.example', 'cpm', ''],
  ['display', 'news.example', 'banner', ''],
  ['paid_search', 'google', 'cpm', ''],
  ['paid_other', 'news.example', 'cpa-cpc', ''],
  ['paid_other', 'partner', 'paid', ''],
  ['organic_shopping', 'idealo.de', 'referral', ''],
  ['organic_shopping', 'blog', 'post', 'shopping guide'],
  ['organic_social', 'blog', 'social-media', ''],
  ['organic_social', 'l.facebook.com', 'referral', ''],
  ['organic_video', 'blog', 'videos', ''],
  ['organic_video', 'vimeo.com', 'referral', ''],
  ['organic_search', 'anything', 'organic', ''],
  ['referral', 'blog.example', 'link', ''],
  ['referral', 'partner', 'app', ''],
  ['email', 'weekly', 'e-mail', ''],
  ['email', 'email', 'weekly', ''],
  ['affiliates', 'partner', 'affiliate', ''],
  ['audio', 'podcast', 'audio', ''],
  ['sms', 'sms', 'text', ''],
  ['sms', 'x', 'sms', ''],
  ['mobile_push_notifications', 'app', 'web-push', ''],
  ['mobile_push_notifications', 'app', 'notification-1', ''],
  ['mobile_push_notifications', 'firebase', 'x', ''],
  ['unassigned', 'weekly', 'newsletter', ''],
  ['unassigned', 'partner', 'affiliates-programme', ''],
])('%s: %s / %s %s', (expected, source, medium, campaign) => {
  expect(labelled(source, medium, campaign)).toBe(expected);
});

test.each([
  ['direct', '', null],
  ['direct', '', 'https://shop.example/other'],
  ['direct', '', 'no url'],
  ['referral', '', 'https://blog.example/post'],
  ['organic_search', '', 'https://www.google.co.uk/'],
  ['organic_search', '', 'https://duckduckgo.com/'],
  ['referral', '', 'https://mail.google.com/'],
  ['referral', '', 'https://notgoogle.example/'],
  ['organic_social', '', 'https://t.co/abc'],
  ['organic_social', '', 'android-app://com.pinterest/'],
  ['organic_video', '', 'https://m.youtube.com/watch'],
  ['organic_shopping', '', 'https://www.amazon.de/'],
  ['paid_search', 'gclid=1', null],
  ['paid_search', 'gclid=1', 'https://www.google.com/'],
  ['email', 'gclid=1&utm_source=news&utm_medium=email', null],
  ['organic_social', 'fbclid=1', null],
  ['display', 'dclid=1', null],
  ['organic_social', 'utm_source=facebook', null],
  ['unassigned', 'utm_source=leaflet', null],
  ['unassigned', 'utm_campaign=summer', null],
  ['qr', 'utm_source=store&utm_medium=qr&gclid=1', null],
] as const)('%s: ?%s from %s', (expected, query, referrer) => {
  expect(channel(query, referrer)).toBe(expected);
});

test('docs/channels.md has a row for each channel, in the order in which they are judged', () => {
  const rows = [...readFileSync('docs/channels.md', 'utf8').matchAll(/^\| `([a-z_]+)` \|/gm)].map((match) => match[1]);
  expect(rows.slice(0, CHANNELS.length)).toEqual(CHANNELS);
});

test('source, campaign and click id are kept as they came, the landing page without its query', () => {
  expect(
    touchOf('https://shop.example/p/tv?utm_source=Google&utm_medium=cpc&utm_campaign=TV&gclid=A1#x', 'https://www.google.com/'),
  ).toEqual({
    landing_page: 'https://shop.example/p/tv',
    referrer: 'https://www.google.com/',
    channel: 'paid_search',
    source: 'Google',
    medium: 'cpc',
    campaign: 'TV',
    click_id: 'gclid:A1',
  });
});
