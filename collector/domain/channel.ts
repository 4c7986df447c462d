/** Where a session came from: campaign parameters, click ids and referrer, put into GA4's default channel groups plus `qr` and `store`. */

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

export type Channel =
  | 'qr'
  | 'store'
  | 'direct'
  | 'paid_search'
  | 'paid_social'
  | 'paid_video'
  | 'paid_shopping'
  | 'paid_other'
  | 'display'
  | 'organic_search'
  | 'organic_social'
  | 'organic_video'
  | 'organic_shopping'
  | 'email'
  | 'affiliates'
  | 'sms'
  | 'push'
  | 'referral'
  | 'unassigned';

/** Click ids, and the channel that they alone tell. */
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

const SEARCH = /(?:^|\.)(?:google|bing|yahoo|duckduckgo|ecosia|baidu|yandex|qwant|startpage|brave|naver|seznam)(?:\.|$)/;
const SOCIAL =
  /(?:^|\.)(?:facebook|instagram|t\.co|twitter|x\.com|linkedin|lnkd\.in|pinterest|reddit|tiktok|threads|snapchat|whatsapp|telegram)(?:\.|$)/;
const VIDEO = /(?:^|\.)(?:youtube|youtu\.be|vimeo|twitch|dailymotion)(?:\.|$)/;
const SHOPPING = /(?:^|\.)(?:amazon|ebay|etsy|idealo|geizhals|pricerunner|shopping|kelkoo)(?:\.|$)/;
const PAID = /^(?:.*cp.*|ppc|retargeting|paid.*)$/;

export function touchOf(url: string, referrer: string | null): Touch {
  const page = parse(url);
  const from = parse(referrer);
  const params = page?.searchParams ?? new URLSearchParams();
  const get = (name: string): string | null => params.get(name)?.trim().slice(0, 200) || null;
  const click = CLICK_IDS.find(([name]) => get(name) !== null);
  const external = from && from.host !== page?.host ? from : null;
  const referrerHost = external?.hostname.replace(/^www\./, '') ?? null;
  const source = get('utm_source') ?? click?.[1] ?? referrerHost;
  const medium = get('utm_medium');
  return {
    landing_page: page ? page.origin + page.pathname : null,
    referrer: external ? external.href.slice(0, 2_048) : null,
    channel: channelOf(source?.toLowerCase() ?? null, medium?.toLowerCase() ?? null, get('utm_campaign'), click?.[2] ?? null, referrerHost),
    source,
    medium,
    campaign: get('utm_campaign'),
    click_id: click ? `${click[0]}:${get(click[0])}` : null,
  };
}

function channelOf(
  source: string | null,
  medium: string | null,
  campaign: string | null,
  click: Channel | null,
  referrer: string | null,
): Channel {
  if (medium === 'qr') return 'qr';
  if (medium === 'store' || medium === 'in_store') return 'store';
  if (medium === null && click) return click;
  if (source === null && medium === null) return campaign ? 'unassigned' : 'direct';
  const place = source ?? '';
  const kind =
    SHOPPING.test(place) || /shop/.test(campaign ?? '')
      ? 'shopping'
      : SEARCH.test(place)
        ? 'search'
        : SOCIAL.test(place)
          ? 'social'
          : VIDEO.test(place)
            ? 'video'
            : null;
  if (medium !== null && kind && PAID.test(medium)) return `paid_${kind}`;
  if (medium !== null) {
    if (/^(?:display|banner|expandable|interstitial|cpm)$/.test(medium)) return 'display';
    if (PAID.test(medium)) return 'paid_other';
    if (/^e[-_ ]?mail$|^newsletter$/.test(medium)) return 'email';
    if (/^affiliates?$/.test(medium)) return 'affiliates';
    if (medium === 'sms') return 'sms';
    if (/push$|^mobile|notification/.test(medium)) return 'push';
    if (/^social/.test(medium) || medium === 'sm') return 'organic_social';
    if (/video/.test(medium)) return 'organic_video';
    if (medium === 'organic') return kind ? `organic_${kind}` : 'organic_search';
  }
  if (/^e[-_ ]?mail$|^newsletter$/.test(place)) return 'email';
  if (kind) return `organic_${kind}`;
  if (referrer || medium === 'referral' || medium === 'link') return 'referral';
  return 'unassigned';
}

function parse(url: string | null): URL | null {
  return url && URL.canParse(url) ? new URL(url) : null;
}
