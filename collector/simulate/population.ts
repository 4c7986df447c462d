/** Who lives in the simulated world: households, their members, and the browsers that they use. */
import { createHash } from 'node:crypto';
import type { Parameters } from './parameters.ts';
import { type Random, randomFrom } from './random.ts';
import { type Jar, newJar } from './tag.ts';

export interface Person {
  /** The truth's name for them: what their first account is called, or would be. */
  person: string;
  /** Accounts they have by now; the first is the one they mostly use. */
  customer_ids: string[];
  email_sha256: string;
  visits_per_day: number;
  /** Chance of a login in a visit. */
  login: number;
  phone: Device;
  laptop: Device | null;
}

export interface Device {
  kind: 'phone' | 'laptop' | 'tablet' | 'kiosk';
  shared: boolean;
  jar: Jar;
  /** The other cookie jar of a phone: the browsers inside apps. */
  in_app: Jar | null;
}

export interface Household {
  random: Random;
  members: Person[];
  shared_laptop: Device | null;
  shared_tablet: Device | null;
}

export interface Kiosk {
  random: Random;
  device: Device;
  visits_per_day: number;
}

export interface Population {
  people: Person[];
  households: Household[];
  kiosks: Kiosk[];
}

export function populate(seed: number, parameters: Parameters): Population {
  const people: Person[] = [];
  const households: Household[] = [];
  while (people.length < parameters.people) {
    const random = randomFrom(seed, 'household', households.length);
    const household: Household = { random, members: [], shared_laptop: null, shared_tablet: null };
    const size = Math.min(Number(random.weighted(parameters.household_sizes)), parameters.people - people.length);
    for (let n = 0; n < size; n += 1) people.push(addMember(household, people.length, parameters));
    if (size > 1 && random.chance(parameters.shared_laptop)) household.shared_laptop = device('laptop', true, random, parameters);
    if (size > 1 && random.chance(parameters.shared_tablet)) household.shared_tablet = device('tablet', true, random, parameters);
    households.push(household);
  }
  return { people, households, kiosks: kiosksOf(seed, parameters) };
}

function addMember(household: Household, index: number, parameters: Parameters): Person {
  const { random } = household;
  const person = `C${String(index + 1).padStart(6, '0')}`;
  const customer_ids = random.chance(parameters.accounts) ? [person] : [];
  if (customer_ids.length > 0 && random.chance(parameters.second_accounts)) customer_ids.push(`${person}-2`);
  // The median for which the log-normal's mean is the wanted one.
  const median = parameters.visits_per_day / Math.exp(parameters.visits_spread ** 2 / 2);
  const member: Person = {
    person,
    customer_ids,
    email_sha256: createHash('sha256').update(`${person.toLowerCase()}@mail.example`).digest('hex'),
    visits_per_day: random.logNormal(median, parameters.visits_spread),
    login: random.pick(parameters.login),
    phone: device('phone', false, random, parameters),
    laptop: random.chance(parameters.own_laptop) ? device('laptop', false, random, parameters) : null,
  };
  household.members.push(member);
  return member;
}

/** Where there are too few people for a whole kiosk there is one all the same, visited the less. */
function kiosksOf(seed: number, parameters: Parameters): Kiosk[] {
  const kiosks: Kiosk[] = [];
  for (const declared of [true, false]) {
    const wanted = ((declared ? parameters.declared_kiosks : parameters.undeclared_kiosks) * parameters.people) / 1_000;
    for (let n = 0; n < wanted; n += 1) {
      const random = randomFrom(seed, declared ? 'declared kiosk' : 'undeclared kiosk', n);
      const jar = newJar(random, { consent_refused: 0 }, declared);
      const visits_per_day = (parameters.kiosk_visits * wanted) / Math.ceil(wanted);
      kiosks.push({ random, device: { kind: 'kiosk', shared: true, jar, in_app: null }, visits_per_day });
    }
  }
  return kiosks;
}

function device(kind: Device['kind'], shared: boolean, random: Random, parameters: Parameters): Device {
  return { kind, shared, jar: newJar(random, parameters), in_app: kind === 'phone' ? newJar(random, parameters) : null };
}
