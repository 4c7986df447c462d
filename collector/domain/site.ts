/** A site: one shop's identity, its origins, and its rules for consent and identity. */

export interface Site {
  /** The key that stands in the tag: `data-site`. */
  site: string;
  name: string;
  /** Exact origins whose pages may send events: `https://shop.example`. */
  origins: string[];
  allow_null_origin: boolean;
  /** Registrable domain on which the visitor's cookie is set again; null: never. */
  cookie_domain: string | null;
  /** Sets the visitor's cookie on a scan's redirect, before any consent: only where that is lawful. */
  scan_cookie: boolean;
  /** Base of the short URLs on printed codes; null: the collector's own. */
  code_host: string | null;
  timezone: string;
  currency: string;
  /** What is kept of visitors who refuse: nothing, or counts without ids. */
  consent: 'none' | 'cookieless';
  /** Whether tokens that vouch for a customer are looked at; `require`: only signed claims count (R4). */
  identity: 'off' | 'prefer' | 'require';
  /** Keys of those tokens; several, for rotation. */
  identity_keys: IdentityKey[];
  /** Names of URL parameters to remove, beyond the default list. */
  scrub_params: string[];
}

/** A key by which the retailer's backend signs who a customer is: a shared secret (HS256), or a public key in PEM. */
export interface IdentityKey {
  kid: string;
  alg: 'HS256' | 'ES256' | 'RS256';
  key: string;
}

/** A site with the secrets that never leave the collector. */
export interface SiteRecord extends Site {
  site_pk: number;
  /** HMAC key of guests' e-mail hashes (R10). */
  email_key: Buffer;
  /** HMAC key of scan tokens (R11). */
  scan_key: Buffer;
}

export const SITE_DEFAULTS: Omit<Site, 'site' | 'name' | 'origins'> = {
  allow_null_origin: false,
  cookie_domain: null,
  scan_cookie: false,
  code_host: null,
  timezone: 'UTC',
  currency: 'EUR',
  consent: 'none',
  identity: 'off',
  identity_keys: [],
  scrub_params: [],
};
