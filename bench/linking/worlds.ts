/** The simulated worlds that linking is measured in: the two that count, and others that show how much the parameters matter. */
import type { SimulateOptions } from '../../collector/simulate/simulate.ts';

export interface World {
  name: string;
  /** What is different from `base`. */
  note: string;
  options: SimulateOptions;
}

export const COMPARED: readonly World[] = [
  { name: 'base', note: 'a month', options: { preset: 'base' } },
  { name: 'shared-heavy', note: 'about every sixth visit on a browser that several use', options: { preset: 'shared-heavy' } },
];

export const OTHER_WORLDS: readonly World[] = [
  { name: 'a quarter', note: 'base, but 90 days: three times the window', options: { preset: 'base', people: 1_500, days: 90 } },
  { name: 'a quarter, shared-heavy', note: 'shared-heavy, but 90 days', options: { preset: 'shared-heavy', people: 1_500, days: 90 } },
  {
    name: 'regulars',
    note: 'base, but twice as many visits a person, and more logins',
    options: { preset: 'base', people: 2_250, visits_per_day: 0.24, login: [0.6, 0.4, 0.2] },
  },
  {
    name: 'strangers',
    note: 'base, but fewer accounts and logins, more sharing, four times the kiosk visits, twice the gifts',
    options: {
      preset: 'base',
      household_sizes: { '1': 0.6, '2': 0.28, '3': 0.08, '4': 0.04 },
      accounts: 0.65,
      login: [0.45, 0.12, 0.02],
      stay_logged_in: [0.55, 0.2],
      login_days: 21,
      declared_kiosks: 1,
      undeclared_kiosks: 1,
      kiosk_visits: 4,
      gift: 0.04,
    },
  },
];
