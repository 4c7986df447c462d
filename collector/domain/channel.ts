/** Where a session came from: campaign parameters, click ids and referrer, put into GA4's default channel groups, plus `qr` and `store`. */

/** What the first page of a session tells of its origin. */
export interface Touch {
  landing_page: string | null;
  referrer: string | null;
  channel: Channel;
  source: string | null;
  medium: string | null;
  campaign: string | null;
  /** `gclid:…`, `fbclid:…`: the first click id found. */
  click_id: string | null;
}

/** GA4's names in lower case with underscores, and our two. docs/channels.md says when each is given. */
export const CHANNELS = [
  ...['qr', 'store', 'direct', 'cross_network', 'paid_shopping', 'paid_search', 'paid_social', 'paid_video', 'display'],
  ...['paid_other', 'organic_shopping', 'organic_social', 'organic_video', 'organic_search', 'referral', 'email', 'affiliates'],
  ...['audio', 'sms', 'mobile_push_notifications', 'unassigned'],
] as const;

export type Channel = (typeof CHANNELS)[number];

export function touchOf(url: string, referrer: string | null): Touch {
  const page = parse(url);
  const from = parse(referrer);
  const params = page?.searchParams ?? new URLSearchParams();
  const get = (name: string): string | null => params.get(name)?.trim().slice(0, 200) || null;
  const click = CLICK_IDS.find(([name]) => get(name) !== null);
  const external = from && from.host !== page?.host ? from : null;
  const source = get('utm_source') ?? click?.[1] ?? (external?.hostname.replace(/^www\./, '') || null);
  const medium = get('utm_medium');
  const campaign = get('utm_campaign');
  const labelled = medium !== null || get('utm_source') !== null;
  return {
    landing_page: page ? page.origin + page.pathname : null,
    referrer: external ? external.href.slice(0, 2_048) : null,
    channel: !labelled && click ? click[2] : channelOf({ source, medium: medium ?? mediumOf(source, labelled), campaign }),
    source,
    medium,
    campaign,
    click_id: click ? `${click[0]}:${get(click[0])}` : null,
  };
}

/** What GA4 takes for the medium of a page without utm_medium: a link's is `referral`, none at all `(none)`. */
function mediumOf(source: string | null, labelled: boolean): string | null {
  return source === null || labelled ? null : 'referral';
}

/** Click ids, the source that they name, and the channel of a page that has no utm_source and utm_medium beside one. */
const CLICK_IDS: readonly [name: string, source: string, channel: Channel][] = [
  ['gclid', 'google', 'paid_search'],
  ['gbraid', 'google', 'paid_search'],
  ['wbraid', 'google', 'paid_search'],
  ['msclkid', 'bing', 'paid_search'],
  ['dclid', 'google', 'display'],
  ['fbclid', 'facebook', 'organic_social'],
  ['ttclid', 'tiktok', 'paid_social'],
  ['twclid', 'twitter', 'paid_social'],
  ['li_fat_id', 'linkedin', 'paid_social'],
];

const PAID = /^(?:.*cp.*|ppc|retargeting|paid.*)$/;
const SHOP_CAMPAIGN = /(?:[^a-df-z]|^)shop|shopping/;
const DISPLAY: ReadonlySet<string> = new Set(['display', 'banner', 'expandable', 'interstitial', 'cpm']);
const SOCIAL_MEDIA: ReadonlySet<string> = new Set(['social', 'social-network', 'social-media', 'sm', 'social network', 'social media']);
const LINK: ReadonlySet<string> = new Set(['referral', 'app', 'link']);
const EMAIL: ReadonlySet<string> = new Set(['email', 'e-mail', 'e_mail', 'e mail']);

/** The first rule that fits, in GA4's order; ours stand before it. */
function channelOf(touch: { source: string | null; medium: string | null; campaign: string | null }): Channel {
  const source = touch.source?.toLowerCase() ?? '(direct)';
  const medium = touch.medium?.toLowerCase() ?? '(none)';
  const campaign = touch.campaign?.toLowerCase() ?? '';
  const place = placeOf(source);
  const shopping = place === 'shopping' || SHOP_CAMPAIGN.test(campaign);
  const paid = PAID.test(medium);
  if (medium === 'qr') return 'qr';
  if (medium === 'store' || medium === 'in_store') return 'store';
  if (source === '(direct)' && (medium === '(none)' || medium === '(not set)') && campaign === '') return 'direct';
  if (campaign.includes('cross-network')) return 'cross_network';
  if (shopping && paid) return 'paid_shopping';
  if (place === 'search' && paid) return 'paid_search';
  if (place === 'social' && paid) return 'paid_social';
  if (place === 'video' && paid) return 'paid_video';
  if (DISPLAY.has(medium)) return 'display';
  if (paid) return 'paid_other';
  if (shopping) return 'organic_shopping';
  if (place === 'social' || SOCIAL_MEDIA.has(medium)) return 'organic_social';
  if (place === 'video' || medium.includes('video')) return 'organic_video';
  if (place === 'search' || medium === 'organic') return 'organic_search';
  if (LINK.has(medium)) return 'referral';
  if (EMAIL.has(source) || EMAIL.has(medium)) return 'email';
  if (medium === 'affiliate') return 'affiliates';
  if (medium === 'audio') return 'audio';
  if (source === 'sms' || medium === 'sms') return 'sms';
  if (/push$|mobile|notification/.test(medium) || source === 'firebase') return 'mobile_push_notifications';
  return 'unassigned';
}

type Place = 'shopping' | 'search' | 'social' | 'video';

/** Names of sites, as utm_source has them and as hosts of referrers hold them, of which GA4 keeps lists (ours are shorter). */
const PLACES: readonly [Place, ReadonlySet<string>][] = [
  [
    'shopping',
    set('amazon ebay etsy idealo geizhals pricerunner kelkoo shopzilla shopping bonprix walmart alibaba aliexpress billiger rakuten'),
  ],
  [
    'search',
    set('google bing yahoo duckduckgo ecosia baidu yandex qwant startpage brave naver seznam aol sogou daum kagi mojeek swisscows'),
  ],
  ['video', set('youtube vimeo twitch dailymotion netflix hulu disneyplus wistia bilibili youku rutube')],
  [
    'social',
    set(
      'facebook fb instagram twitter x.com t.co linkedin lnkd.in pinterest pin.it reddit tiktok threads snapchat whatsapp telegram t.me tumblr quora vk.com weibo discord mastodon bluesky bsky xing nextdoor messenger',
    ),
  ],
];

/** What search engines run beside the search: `mail.google.com` is a link in a mail, not a search. */
const OTHER_SERVICES = set('mail docs drive sites meet calendar classroom groups translate');

/** A whole host, a label of it, or the whole source: `l.facebook.com`, `google.co.uk` and `fb` are known, `notgoogle` is not. */
function placeOf(source: string): Place | null {
  const labels = source.split('.');
  if (labels.length > 2 && OTHER_SERVICES.has(labels[0] ?? '')) return null;
  const pairs = labels.slice(1).map((label, i) => `${labels[i]}.${label}`);
  const found = PLACES.find(([, names]) => [...labels, ...pairs].some((name) => names.has(name)));
  return found?.[0] ?? null;
}

function set(names: string): ReadonlySet<string> {
  return new Set(names.split(' '));
}

function parse(url: string | null): URL | null {
  return url && URL.canParse(url) ? new URL(url) : null;
}
