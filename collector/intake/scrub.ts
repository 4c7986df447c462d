/** Takes out of a URL what looks like a secret or a person: tokens, passwords, e-mail addresses. Before storage, for good. */

/** Names of query and fragment parameters whose values are removed (compared without case). */
export const SCRUBBED_PARAMS: ReadonlySet<string> = new Set(
  `token access_token refresh_token id_token auth_token auth authorization jwt apikey api_key key secret client_secret password passwd pwd pass
  otp pin session sessionid session_id sid phpsessid jsessionid signature sig hash email e-mail e_mail mail user_email customer_email
  username login phone tel mobile firstname first_name lastname last_name name iban ssn`
    .trim()
    .split(/\s+/),
);

const REMOVED = 'removed';
const EMAIL = /[^/?&=#\s@]{1,64}(?:@|%40)[^/?&=#\s@]{1,255}\.[a-z]{2,24}/gi;
const JWT = /eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*/g;

/** `extra` are a site's own parameter names, in lower case. Also removes `ff_scan`, which is no page's business. */
export function scrubUrl(url: string, extra: ReadonlySet<string> = NONE): string {
  const query = url.search(/[?#]/);
  if (query < 0 && !url.includes('@') && !url.includes('%40') && !url.includes('eyJ')) return url;
  const head = (query < 0 ? url : url.slice(0, query)).replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1');
  const tail =
    query < 0
      ? ''
      : url.slice(query).replace(PARAM, (all, lead: string, name: string) => {
          const plain = decoded(name).toLowerCase();
          if (plain === 'ff_scan') return lead === '?' || lead === '#' ? lead : '';
          return SCRUBBED_PARAMS.has(plain) || extra.has(plain) ? `${lead}${name}=${REMOVED}` : all;
        });
  const clean =
    query < 0
      ? head
      : (head + tail)
          .replace(/([?#])&/g, '$1')
          .replace(/[?#]$/, '')
          .replace(/\?#/, '#');
  const mailed = clean.includes('@') || clean.includes('%40') ? clean.replace(EMAIL, REMOVED) : clean;
  return mailed.includes('eyJ') ? mailed.replace(JWT, REMOVED) : mailed;
}

const PARAM = /([?&#])([^=&#?]+)=([^&#]*)/g;
const NONE: ReadonlySet<string> = new Set();

function decoded(name: string): string {
  if (!name.includes('%') && !name.includes('+')) return name;
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return name;
  }
}
