/** What the simulated retailer is like: every number, why it is plausible, and the presets. docs/simulate.md is tested against it. */

export interface Parameters {
  /** People who visit the shop at least now and then. */
  people: number;
  days: number;

  /** Shares of households by how many of their members visit this shop. */
  household_sizes: Readonly<Record<'1' | '2' | '3' | '4', number>>;
  /** Chance that a household of several has one laptop for all. */
  shared_laptop: number;
  shared_tablet: number;
  /** Chance that a person has a laptop of their own. Everybody has a phone. */
  own_laptop: number;
  /** How often a person takes which device, among those that they have. */
  device_use: Readonly<Record<'phone' | 'laptop' | 'shared_laptop' | 'shared_tablet', number>>;

  /** Mean visits a day and person; persons differ by a log-normal factor. */
  visits_per_day: number;
  /** Sigma of that factor. */
  visits_spread: number;
  /** The last days of the run on which visits multiply: Black Friday. */
  surge_days: number;
  surge_factor: number;
  /** Mean pages of a visit that is not a bounce. */
  pages: number;
  bounce: number;
  /** Chance that a visit ends in an order. */
  purchase: number;

  /** Share of people with an account when the run begins. */
  accounts: number;
  /** Share of accounts whose owner has a second, forgotten one. */
  second_accounts: number;
  /** Chance that a guest who orders opens an account with it. */
  sign_up: number;
  /** Chance that a person with an account logs in during a visit for no order's sake: three kinds of people, equally many. */
  login: readonly [number, number, number];
  /** Chance that somebody with an account logs in to order; the others order as guests. */
  login_to_order: number;
  /** Chance that a login outlives the visit ("stay logged in"): on a device of one's own, on a shared one. */
  stay_logged_in: readonly [number, number];
  /** Mean days that such a login lasts. */
  login_days: number;
  /** Chance of a logout at the end of a visit as oneself: on a device of one's own, a shared one, a kiosk. */
  logout: readonly [number, number, number];
  /** Share of logouts by which the shop forgets the browser too (`reset`). A declared kiosk always does. */
  reset: number;
  /** Chance that somebody who finds another's login on the device shops on under that name. */
  use_others_login: number;
  /** Chance that somebody else of the household takes the shared device over within half an hour. */
  handover: number;
  /** Share of orders that are for somebody else and carry that person's e-mail address. */
  gift: number;

  /** Chance that a phone's visit begins in an app's own browser, which has another cookie jar. */
  in_app_browser: number;
  /** Chance that a phone's visit begins at a printed QR code. */
  qr: number;
  /** Share of those that a scanner app opens in a browser of its own. */
  qr_in_app: number;
  /** Chance that a visit finds its cookies gone. */
  cookie_loss: number;
  /** Chance that a visit is in a private window. */
  private_window: number;
  /** Share of cookie jars whose owner refuses consent. */
  consent_refused: number;
  /** Chance that consent is withdrawn in a visit. */
  consent_withdrawn: number;

  /** Terminals in the shops that declare themselves, for every 1,000 people. */
  declared_kiosks: number;
  /** Public browsers that nobody declared: libraries, break rooms, show-room devices. */
  undeclared_kiosks: number;
  /** Mean visits a day at each, by anybody. */
  kiosk_visits: number;
  /** Bots' sessions for every visit of a person. */
  bots: number;

  /** Share of visits that go offline half-way: what they say then arrives late. */
  late: number;
  /** Mean hours of that delay (72 at most). */
  late_hours: number;
  /** Share of events that are sent a second time because the answer was lost. */
  duplicates: number;
}

const BASE: Parameters = {
  people: 4_500,
  days: 30,
  household_sizes: { '1': 0.8, '2': 0.16, '3': 0.03, '4': 0.01 },
  shared_laptop: 0.4,
  shared_tablet: 0.35,
  own_laptop: 0.6,
  device_use: { phone: 0.6, laptop: 0.4, shared_laptop: 0.25, shared_tablet: 0.15 },
  visits_per_day: 0.12,
  visits_spread: 0.8,
  surge_days: 0,
  surge_factor: 1,
  pages: 6,
  bounce: 0.35,
  purchase: 0.03,
  accounts: 0.7,
  second_accounts: 0.015,
  sign_up: 0.3,
  login: [0.5, 0.25, 0.08],
  login_to_order: 0.75,
  stay_logged_in: [0.6, 0.15],
  login_days: 30,
  logout: [0.03, 0.25, 0.6],
  reset: 0.05,
  use_others_login: 0.3,
  handover: 0.04,
  gift: 0.02,
  in_app_browser: 0.08,
  qr: 0.03,
  qr_in_app: 0.2,
  cookie_loss: 0.03,
  private_window: 0.02,
  consent_refused: 0.2,
  consent_withdrawn: 0.002,
  declared_kiosks: 0.5,
  undeclared_kiosks: 0.5,
  kiosk_visits: 2,
  bots: 0.06,
  late: 0.015,
  late_hours: 8,
  duplicates: 0.01,
};

export type Preset = 'base' | 'shared-heavy' | 'mid-size' | 'black-friday';

export const PRESETS: Readonly<Record<Preset, Parameters>> = {
  base: BASE,
  /** Families and shared flats: few devices of one's own, many public ones. */
  'shared-heavy': {
    ...BASE,
    household_sizes: { '1': 0.5, '2': 0.35, '3': 0.1, '4': 0.05 },
    shared_laptop: 0.6,
    shared_tablet: 0.5,
    own_laptop: 0.45,
    device_use: { phone: 0.55, laptop: 0.4, shared_laptop: 0.3, shared_tablet: 0.2 },
    handover: 0.06,
    declared_kiosks: 1,
    undeclared_kiosks: 1.5,
  },
  'mid-size': { ...BASE, people: 20_000 },
  /** Two weeks that end in the four days when everybody comes: more orders, guests, bots, phones and late events. */
  'black-friday': {
    ...BASE,
    people: 20_000,
    days: 14,
    surge_days: 4,
    surge_factor: 6,
    purchase: 0.06,
    login_to_order: 0.65,
    gift: 0.06,
    in_app_browser: 0.14,
    bots: 0.15,
    late: 0.03,
    duplicates: 0.03,
  },
};
