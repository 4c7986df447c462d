/** A synthetic retailer with known truth: `simulate(options)` yields what its pages would send, day by day, and who it truly was. */
import { DAY, HOUR, MINUTE, type Millis, SECOND } from '../../protocol/event.ts';
import { HOME } from './catalogue.ts';
import { type Delivered, deliver } from './delivery.ts';
import { type Parameters, PRESETS, type Preset } from './parameters.ts';
import { type Device, type Household, type Kiosk, type Person, populate } from './population.ts';
import { type Random, randomFrom } from './random.ts';
import { type Captured, forget, type Jar, newJar, type TruthRow, tagIn } from './tag.ts';
import { type Arrival, visit } from './visit.ts';

export interface SimulateOptions extends Partial<Parameters> {
  preset?: Preset;
  seed?: number;
  site?: string;
  /** Midnight of the first day, UTC. */
  start?: Millis;
}

/** What arrived on one day, in order of arrival. Memory holds the people, one day and what is still on its way. */
export interface SimulatedDay {
  day: Millis;
  events: Delivered[];
  /** Of sessions that began on this day; they may arrive on a later one. */
  truth: TruthRow[];
}

/** A person's names: what links may rightly call them. */
export interface KnownPerson {
  person: string;
  customer_ids: readonly string[];
  email_sha256: string;
}

export interface Simulation {
  parameters: Parameters;
  days: Generator<SimulatedDay, void>;
  /** Whole only once all days are drawn: guests become customers on the way. */
  people: readonly KnownPerson[];
}

const DEFAULT_START = Date.UTC(2025, 8, 1);

export function simulate({ preset = 'base', seed = 1, site = 'demo', start = DEFAULT_START, ...own }: SimulateOptions = {}): Simulation {
  const parameters: Parameters = { ...PRESETS[preset], ...own };
  const population = populate(seed, parameters);
  const { people, households, kiosks } = population;
  let captured: Captured[] = [];
  let truth: TruthRow[] = [];
  let arriving: Delivered[] = [];

  /** One visit: returns when it ended. */
  function play(person: Person, device: Device, jar: Jar, at: Millis, arrival: Arrival, random: Random): Millis {
    const tag = tagIn(jar, person.person, site, random, captured, truth);
    const ended = visit({ random, parameters, person, device, tag, arrival, people }, Math.max(at, jar.last + 5 * SECOND));
    send(random);
    return ended;
  }

  function send(random: Random): void {
    for (const item of deliver(captured, random, parameters)) arriving.push(item);
    captured = [];
  }

  function householdDay({ random, members, ...home }: Household, day: Millis, factor: number): void {
    const visits = members.flatMap((person) =>
      Array.from({ length: random.poisson(person.visits_per_day * factor) }, () => ({ person, at: day + timeOfDay(random) })),
    );
    for (const { person, at } of visits.sort((a, b) => a.at - b.at)) {
      const device = deviceFor(person, home, random, parameters);
      const { jar, arrival } = howItBegins(device, random, parameters);
      let ended = play(person, device, jar, at, arrival, random);
      let last = person;
      while (device.shared && jar === device.jar && random.chance(parameters.handover)) {
        last = random.pick(members.filter((member) => member !== last));
        ended = play(last, device, jar, ended + random.between(1, 15) * MINUTE, DIRECT, random);
      }
    }
  }

  function kioskDay({ random, device, visits_per_day }: Kiosk, day: Millis): void {
    const times = Array.from({ length: random.poisson(visits_per_day) }, () => day + random.between(9, 20) * HOUR);
    for (const at of times.sort((a, b) => a - b)) play(random.pick(people), device, device.jar, at, DIRECT, random);
  }

  /** Bots keep no cookies: every session is a browser of its own. */
  function botsDay(random: Random, day: Millis, factor: number): void {
    const visits = random.poisson(parameters.people * parameters.visits_per_day * parameters.bots * factor);
    for (let bot = 0; bot < visits; bot += 1) {
      const tag = tagIn(newJar(random, { consent_refused: 0 }), null, site, random, captured, truth);
      let now = day + random.between(0, DAY - HOUR);
      tag.open(now, '');
      for (let pages = 3 + random.int(40); pages > 0; pages -= 1) {
        tag.capture('page_view', now, { url: `https://shop.example/p/${random.id(12).toLowerCase()}`, title: HOME.title });
        now += random.between(0.5, 3) * SECOND;
      }
      send(random);
    }
  }

  function* days(): Generator<SimulatedDay, void> {
    const bots = randomFrom(seed, 'bots');
    for (let n = 0; n < parameters.days; n += 1) {
      const day = start + n * DAY;
      const factor = n >= parameters.days - parameters.surge_days ? parameters.surge_factor : 1;
      for (const household of households) householdDay(household, day, factor);
      for (const kiosk of kiosks) kioskDay(kiosk, day);
      botsDay(bots, day, factor);
      yield arrivedBefore(day + DAY, day);
    }
    if (arriving.length > 0) yield arrivedBefore(Number.POSITIVE_INFINITY, start + parameters.days * DAY);
  }

  function arrivedBefore(until: Millis, day: Millis): SimulatedDay {
    const events = arriving.filter(({ received_at }) => received_at < until).sort(byArrival);
    arriving = arriving.filter(({ received_at }) => received_at >= until);
    const rows = truth;
    truth = [];
    return { day, events, truth: rows };
  }

  return { parameters, days: days(), people };
}

const DIRECT: Arrival = { campaign: '', referrer: '', on_product: false };

function byArrival(a: Delivered, b: Delivered): number {
  return a.received_at - b.received_at || (a.event.event_id < b.event.event_id ? -1 : a.event.event_id > b.event.event_id ? 1 : 0);
}

/** Milliseconds after midnight: most shop in the evening. */
function timeOfDay(random: Random): Millis {
  const hour = random.chance(0.6) ? random.between(17, 23) : random.between(7, 23);
  return hour * HOUR;
}

function deviceFor(
  { phone, laptop }: Person,
  { shared_laptop, shared_tablet }: Pick<Household, 'shared_laptop' | 'shared_tablet'>,
  random: Random,
  { device_use }: Parameters,
): Device {
  const devices = { phone, laptop, shared_laptop, shared_tablet };
  const has = (name: keyof typeof devices): number => (devices[name] ? device_use[name] : 0);
  const weights = { phone: has('phone'), laptop: has('laptop'), shared_laptop: has('shared_laptop'), shared_tablet: has('shared_tablet') };
  return devices[random.weighted(weights)] ?? phone;
}

/** In which cookie jar a visit takes place, and from where it comes. */
function howItBegins(device: Device, random: Random, parameters: Parameters): { jar: Jar; arrival: Arrival } {
  const { in_app } = device;
  let arrival = random.pick(ARRIVALS);
  let { jar } = device;
  if (in_app) {
    if (random.chance(parameters.qr)) {
      arrival = { campaign: `utm_source=store&utm_medium=qr&utm_campaign=shelf-${random.int(20)}`, referrer: '', on_product: true };
      if (random.chance(parameters.qr_in_app)) jar = in_app;
    } else if (random.chance(parameters.in_app_browser)) {
      arrival = {
        campaign: 'utm_source=social&utm_medium=paid&utm_campaign=autumn',
        referrer: 'https://social.example/',
        on_product: true,
      };
      jar = in_app;
    }
  }
  if (random.chance(parameters.private_window)) jar = newJar(random, parameters);
  else if (random.chance(parameters.cookie_loss)) forget(jar, random, parameters);
  return { jar, arrival };
}

/** Where visits come from, each as often as it stands here. */
const ARRIVALS: readonly Arrival[] = [
  DIRECT,
  DIRECT,
  DIRECT,
  DIRECT,
  { campaign: '', referrer: 'https://search.example/', on_product: false },
  { campaign: '', referrer: 'https://search.example/', on_product: true },
  { campaign: '', referrer: 'https://search.example/', on_product: false },
  { campaign: 'utm_source=search&utm_medium=cpc&utm_campaign=brand', referrer: 'https://search.example/', on_product: true },
  { campaign: 'utm_source=newsletter&utm_medium=email&utm_campaign=weekly', referrer: '', on_product: false },
  { campaign: '', referrer: 'https://blog.example/', on_product: true },
];
