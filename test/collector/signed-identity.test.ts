/** Signed identity over real HTTP: what a good token makes of a claim, and what every attack on it does not. */
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

const SECRET = 'a-shared-secret-of-more-than-32-bytes!';
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = (pair: typeof ec): string => pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const b64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

let server: TestServer;
let sessions = 0;
beforeAll(async () => {
  server = await startServer({}, { now: START + 10 * DAY });
  const keys = [
    { kid: 'old', alg: 'HS256', key: SECRET },
    { kid: 'ec', alg: 'ES256', key: pem(ec) },
    { kid: 'rsa', alg: 'RS256', key: pem(rsa) },
  ];
  expect((await server.send('PATCH', '/v1/sites/demo', { identity: 'prefer', identity_keys: keys })).status).toBe(200);
});
afterAll(() => server.close());

const seconds = (ms: number): number => Math.floor(ms / 1_000);
const CLAIMS = { sub: 'C1', aud: 'demo', iat: seconds(START) - 10, exp: seconds(START + HOUR) };

function token(claims: object, header: Record<string, unknown> = { alg: 'HS256', kid: 'old' }, secret = SECRET): string {
  const text = `${b64(header)}.${b64(claims)}`;
  const mark =
    header['alg'] === 'ES256'
      ? sign('sha256', Buffer.from(text), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })
      : header['alg'] === 'RS256'
        ? sign('sha256', Buffer.from(text), rsa.privateKey)
        : createHmac('sha256', secret).update(text).digest();
  return `${text}.${mark.toString('base64url')}`;
}

/** `customer (strength)` of the session, or its status. */
async function claimed(customer_token: string, more: object = {}, type = 'identify'): Promise<string> {
  sessions += 1;
  const session_id = `S${sessions}`;
  const event = wire(type, { time: START, anonymous_id: `B${sessions}`, session_id, customer_id: 'C1', customer_token, ...more });
  expect((await server.post([event])).status).toBe(204);
  const [link] = await server.links(`session_id=${session_id}`);
  return link?.customer_id ? `${link.customer_id} (${link.strength})` : (link?.status ?? '');
}

test('a good token of any of the three kinds makes a signed claim, alone or beside the id', async () => {
  expect(await claimed(token(CLAIMS))).toBe('C1 (signed)');
  expect(await claimed(token(CLAIMS, { alg: 'ES256', kid: 'ec' }))).toBe('C1 (signed)');
  expect(await claimed(token(CLAIMS, { alg: 'RS256', kid: 'rsa' }))).toBe('C1 (signed)');
  expect(await claimed(token(CLAIMS), { customer_id: undefined })).toBe('C1 (signed)');
  expect(await claimed(token({ ...CLAIMS, aud: ['x', 'demo'], anon: `B${sessions + 1}` }))).toBe('C1 (signed)');
});

test('expiry is judged at the event’s time: a late queue is still signed; expired then, the claim is stated', async () => {
  expect(await claimed(token({ ...CLAIMS, exp: seconds(START) - 30 }))).toBe('C1 (signed)');
  expect(await claimed(token({ ...CLAIMS, exp: seconds(START) - 61 }))).toBe('C1 (stated)');
});

test('any other fault leaves the event without a claim, counted by its reason', async () => {
  const attacks: [string, string][] = [
    ['bad_signature', token(CLAIMS, { alg: 'HS256', kid: 'old' }, 'another-secret-of-more-than-32-bytes!!')],
    ['bad_signature', `${b64({ alg: 'HS256', kid: 'old' })}.${b64({ ...CLAIMS, sub: 'C1' })}.`],
    ['unknown_key', `${b64({ alg: 'none', kid: 'old' })}.${b64(CLAIMS)}.`],
    ['unknown_key', token(CLAIMS, { alg: 'HS256', kid: 'gone' })],
    // RS→HS confusion: the public key as the secret of an HMAC.
    ['unknown_key', token(CLAIMS, { alg: 'HS256', kid: 'rsa' }, pem(rsa))],
    ['wrong_site', token({ ...CLAIMS, aud: 'other' })],
    ['wrong_customer', token({ ...CLAIMS, sub: 'C2' })],
    ['wrong_browser', token({ ...CLAIMS, anon: 'another-browser' })],
    ['bad_times', token({ ...CLAIMS, exp: CLAIMS.iat + seconds(DAY) + 1 })],
    ['bad_times', token({ ...CLAIMS, iat: seconds(START + 2 * MINUTE) })],
    ['bad_times', token({ sub: 'C1', aud: 'demo' })],
    ['malformed', 'not.a.token'],
    ['malformed', token(CLAIMS, { alg: 'HS256', kid: 'old', crit: ['x'] })],
  ];
  for (const [reason, attack] of attacks) {
    const count = async (): Promise<number> => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      return Number(new RegExp(`footfall_dropped_total\\{reason="token_${reason}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
    };
    const before = await count();
    expect(await claimed(attack), reason).toBe('anonymous');
    expect(await count()).toBe(before + 1);
  }
});

test('a signed claim carries the token’s e-mail only: the page’s own joins nobody at that strength', async () => {
  const email_sha256 = 'a'.repeat(64);
  expect(await claimed(token(CLAIMS), { email_sha256 }, 'purchase')).toBe('C1 (signed)');
  sessions += 1;
  await server.post([wire('purchase', { time: START, anonymous_id: 'guest', session_id: 'guest', email_sha256 })]);
  const [guest] = await server.links('session_id=guest');
  expect(guest?.person_id).toBe(guest?.customer_id);
});

test('with mode require only signed claims count; rotation keeps both keys alive until the old one goes', async () => {
  await server.send('PATCH', '/v1/sites/demo', { identity: 'require', identity_keys: [{ kid: 'new', alg: 'ES256', key: pem(ec) }] });
  expect(await claimed(token(CLAIMS, { alg: 'ES256', kid: 'new' }))).toBe('C1 (signed)');
  expect(await claimed(token(CLAIMS))).toBe('anonymous');
  expect(await claimed(token({ ...CLAIMS, exp: seconds(START) - 61 }, { alg: 'ES256', kid: 'new' }))).toBe('anonymous');
});

test('keys are checked when they are set, and a secret is never shown again', async () => {
  const set = (key: object) => server.send<{ field: string; identity_keys: object[] }>('PATCH', '/v1/sites/demo', { identity_keys: [key] });
  expect((await set({ kid: 'k', alg: 'HS256', key: 'short' })).status).toBe(400);
  expect((await set({ kid: 'k', alg: 'ES256', key: pem(rsa as never) })).status).toBe(400);
  expect((await set({ kid: 'k', alg: 'RS256', key: 'no pem' })).status).toBe(400);
  expect((await set({ kid: 'k', alg: 'HS256', key: SECRET })).body.identity_keys).toEqual([{ kid: 'k', alg: 'HS256' }]);
});
