/** What ids look like. They serve equality only. */

/** What every id but a customer's looks like: 1 to 128 characters of this alphabet. */
export const ID_PATTERN = /^[A-Za-z0-9._:@+-]{1,128}$/;

/** Decision ids begin so, and event ids may not: one namespace names both in `revoke` and in evidence. */
export const DECISION_PREFIX = 'dec_';
