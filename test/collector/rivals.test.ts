/** On histories small enough to judge by eye, each rival does what its own description says, and the measure counts fairly. */
import { expect, test } from 'vitest';
import type { History } from '../../bench/linking/history.ts';
import { snowplowIdentities } from '../../bench/linking/identities.ts';
import { type Assignment, score } from '../../bench/linking/measure.ts';
import { footfall } from '../../bench/linking/ours.ts';
import { connectedComponents, inSession, lastTouch, postHog } from '../../bench/linking/rivals.ts';
import { segmentLimits } from '../../bench/linking/segment.ts';
import type { LinkEvent } from '../../collector/linking/event.ts';
import { HOUR, MINUTE } from '../../protocol/event.ts';
import { event } from './linking/histories.ts';

/** Jane browses, returns and logs in; Bob logs in on the same browser later; then somebody comes who says nothing. */
const before = event('page_view', 0, { session_id: 'S1' });
const janeViews = event('page_view', 2 * HOUR, { session_id: 'S2' });
const janeLogin = event('login', 2 * HOUR + MINUTE, { session_id: 'S2', as: 'Jane' });
const between = event('page_view', 4 * HOUR, { session_id: 'S3' });
const bobLogin = event('login', 6 * HOUR, { session_id: 'S4', as: 'Bob' });
const after = event('page_view', 8 * HOUR, { session_id: 'S5' });
const SHARED = [before, janeViews, janeLogin, between, bobLogin, after];

const names = (assigned: Assignment, events: readonly LinkEvent[]): (string | null)[] =>
  events.map(({ event_id }) => assigned.get(event_id)?.customer ?? null);

test('in-session only: the login names its own visit, what came before it in that visit included, and no other', () => {
  expect(names(inSession(SHARED), SHARED)).toEqual([null, 'Jane', 'Jane', null, 'Bob', null]);
});

test('last touch per device: the last user collected takes all that the browser ever did, whoever did it', () => {
  expect(names(lastTouch(SHARED), SHARED)).toEqual(['Bob', 'Bob', 'Bob', 'Bob', 'Bob', 'Bob']);
  const janeArrivesLast = [bobLogin, after, before, janeViews, janeLogin, between];
  expect(names(lastTouch(janeArrivesLast), [before, bobLogin])).toEqual(['Jane', 'Jane']);
});

test('connected components: one shared browser makes two people one profile, their other devices included', () => {
  const phone = event('login', 0, { anonymous_id: 'B2', session_id: 'S9', as: 'Jane' });
  const assigned = connectedComponents([...SHARED, phone]);
  expect(new Set(names(assigned, [...SHARED, phone]))).toEqual(new Set(['Jane']));
  expect(assigned.get(phone.event_id)?.profile).toBe(assigned.get(bobLogin.event_id)?.profile);
});

test('connected components: an e-mail joins a guest to an account', () => {
  const account = event('purchase', 0, { as: 'Jane', email: 'email:j' });
  const guest = event('purchase', HOUR, { anonymous_id: 'B2', session_id: 'S2', email: 'email:j' });
  const assigned = connectedComponents([account, account, guest]);
  expect(names(assigned, [account, guest])).toEqual(['Jane', 'Jane']);
});

test('PostHog: the anonymous past merges into the first identified, who stays until the next; a second identify merges nothing', () => {
  expect(names(postHog(SHARED, true), SHARED)).toEqual(['Jane', 'Jane', 'Jane', 'Jane', 'Bob', 'Bob']);
});

test('PostHog: after a reset the browser is a stranger until the next identify takes what is new', () => {
  const logout = event('logout', 3 * HOUR, { session_id: 'S2' });
  const events = [before, janeLogin, logout, between, bobLogin, after];
  expect(names(postHog(events, true), events)).toEqual(['Jane', 'Jane', 'Jane', 'Bob', 'Bob', 'Bob']);
  expect(names(postHog(events, false), events)).toEqual(['Jane', 'Jane', 'Jane', 'Jane', 'Bob', 'Bob']);
});

test('Segment: a second user gets an anonymous id and profile of their own, and keeps the browser from then on', () => {
  const assigned = segmentLimits(SHARED, true);
  expect(names(assigned, SHARED)).toEqual(['Jane', 'Jane', 'Jane', 'Jane', 'Bob', 'Bob']);
});

test('Segment: an e-mail that belongs to another user is left out of the event, not merged', () => {
  const jane = event('purchase', 0, { as: 'Jane', email: 'email:j' });
  const bob = event('purchase', HOUR, { anonymous_id: 'B2', session_id: 'S2', as: 'Bob', email: 'email:j' });
  const assigned = segmentLimits([jane, bob], true);
  expect(names(assigned, [jane, bob])).toEqual(['Jane', 'Bob']);
});

test('Segment: a sixth browser is over the limit; what was anonymous on it stays so, the login itself does not', () => {
  const browsers = [1, 2, 3, 4, 5, 6].map((n) => [
    event('page_view', n * HOUR, { anonymous_id: `B${n}`, session_id: `S${n}` }),
    event('login', n * HOUR + MINUTE, { anonymous_id: `B${n}`, session_id: `S${n}`, as: 'Jane' }),
  ]);
  const assigned = segmentLimits(browsers.flat(), true);
  expect(names(assigned, browsers[4] ?? [])).toEqual(['Jane', 'Jane']);
  expect(names(assigned, browsers[5] ?? [])).toEqual([null, 'Jane']);
});

test('Snowplow Identities: one user takes the anonymous past; from the second on, silence on that browser is nobody', () => {
  expect(names(snowplowIdentities(SHARED), SHARED)).toEqual(['Jane', 'Jane', 'Jane', 'Jane', 'Bob', null]);
});

test('Snowplow Identities: profiles that a login connects become one, on both devices', () => {
  const phone = event('page_view', 0, { anonymous_id: 'B2', session_id: 'S8' });
  const login = event('login', HOUR, { anonymous_id: 'B2', session_id: 'S8', as: 'Jane' });
  const assigned = snowplowIdentities([before, janeLogin, phone, login]);
  expect(new Set([before, janeLogin, phone, login].map(({ event_id }) => assigned.get(event_id)?.profile)).size).toBe(1);
});

test('ours says nothing where two owners are near, and takes what lies before the first back where there is one', () => {
  expect(names(footfall(SHARED), SHARED)).toEqual([null, 'Jane', 'Jane', null, 'Bob', null]);
  const alone = [before, janeViews, janeLogin, between];
  expect(names(footfall(alone), alone)).toEqual(['Jane', 'Jane', 'Jane', 'Jane']);
});

test('a visit is judged by what most of its events are linked to, and a stranger linked costs precision but no recall', () => {
  const history: History = {
    events: SHARED,
    visits: [
      { person: 'jane', events: [before] },
      { person: 'jane', events: [janeViews, janeLogin] },
      { person: 'carl', events: [between] },
      { person: 'bob', events: [bobLogin] },
      { person: 'bob', events: [after] },
    ],
    person_of: new Map([
      ['Jane', 'jane'],
      ['Bob', 'bob'],
    ]),
    known: new Set(['jane', 'bob']),
  };
  expect(score(history, postHog(SHARED, true))).toEqual({ precision: 4 / 5, recall: 1, pair_precision: 2 / 4 });
  expect(score(history, inSession(SHARED))).toMatchObject({ precision: 1, recall: 2 / 4 });
  expect(score(history, lastTouch(SHARED))).toEqual({ precision: 2 / 5, recall: 2 / 4, pair_precision: 2 / 10 });
});
