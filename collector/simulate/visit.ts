/** One visit of one person: what they look at, whether they log in, order and log out, as the tag would tell it. */
import { DAY, type Item, type Millis, SECOND, type WireEvent } from '../../protocol/event.ts';
import { ACCOUNT, anyCategory, anyProduct, anySearch, CART, CHECKOUT, HOME, type Page, type Product, totalOf } from './catalogue.ts';
import type { Parameters } from './parameters.ts';
import type { Device, Person } from './population.ts';
import type { Random } from './random.ts';
import { openLogin, type Tag } from './tag.ts';

/** How a visit came about. */
export interface Arrival {
  /** Query of the landing URL, which makes the campaign; '' for none. */
  campaign: string;
  referrer: string;
  /** It lands on a product, as ads and printed codes do. */
  on_product: boolean;
}

export interface Visitor {
  random: Random;
  parameters: Parameters;
  person: Person;
  device: Device;
  tag: Tag;
  arrival: Arrival;
  /** Whom a gift may go to. */
  people: readonly Person[];
}

/** Plays the visit from `start` on and returns when it ended. */
export function visit(visitor: Visitor, start: Millis): Millis {
  const { random, parameters, person, device, tag, arrival } = visitor;
  const page = pagesOf(visitor, start);
  tag.open(page.now(), arrival.campaign);
  const orders = random.chance(parameters.purchase * (device.kind === 'kiosk' ? 0.3 : 1));
  const pages = orders
    ? 4 + Math.floor(random.exponential(3))
    : random.chance(parameters.bounce)
      ? 1
      : 2 + Math.floor(random.exponential(parameters.pages - 2));
  const logs_in = pages > 1 && person.customer_ids.length > 0 && random.chance(person.login);
  const login_at = logs_in ? 1 + random.int(Math.min(3, pages - 1)) : -1;

  page.view(landing(arrival, random), arrival.referrer);
  meetLogin(visitor, page, logs_in);
  let wanted: Product | null = null;
  for (let n = 1; n < pages; n += 1) {
    if (n === login_at) logIn(visitor, page);
    wanted = browse(random, page) ?? wanted;
  }
  if (tag.jar.consent === 'granted' && random.chance(parameters.consent_withdrawn)) tag.withdrawConsent(page.now());
  if (wanted && (orders || random.chance(CARTS_LEFT))) addToCart(random, page, wanted, tag);
  if (orders) order(visitor, page, wanted ?? anyProduct(random));
  leave(visitor, page);
  return page.now();
}

/** Chance that a product looked at is left in the cart. */
const CARTS_LEFT = 0.08;

/** The page that is open: it passes time and says where things happen. */
interface Pages {
  now(): Millis;
  view(page: Page, referrer?: string): void;
  event(type: string, props: WireEvent['props']): void;
}

function pagesOf({ random, tag, arrival, device }: Visitor, start: Millis): Pages {
  let now = start;
  let url = '';
  let view_id = '';
  let opened = 0;
  const screen = SCREENS[device.kind];
  return {
    now: () => now,
    view(page, referrer = url) {
      if (opened > 0) {
        now += Math.round(Math.min(600, random.logNormal(22, 0.9)) * SECOND);
        tag.capture('engagement', now, {
          view_id,
          url,
          props: { engaged_ms: Math.round((now - opened) * 0.8), scroll_depth: 10 * (1 + random.int(10)) },
        });
      }
      now += 300;
      const opened_before = opened > 0;
      const query = !opened_before && arrival.campaign !== '' ? `${page.path.includes('?') ? '&' : '?'}${arrival.campaign}` : '';
      url = `${SHOP}${page.path}${query}`;
      view_id = random.id(8);
      opened = now;
      tag.capture('page_view', now, {
        view_id,
        url,
        ...(referrer && { referrer }),
        title: page.title,
        props: {
          language: 'de-DE',
          timezone: 'Europe/Berlin',
          screen,
          viewport: screen,
          navigation: opened_before ? 'link' : 'navigate',
          page_type: page.path.split('/')[1] || 'home',
          currency: 'EUR',
          color_scheme: 'light',
        },
      });
    },
    event(type, props) {
      now += 200 + random.int(800);
      tag.capture(type, now, { view_id, url, ...(props && { props }) });
    },
  };
}

const SHOP = 'https://shop.example';
const SCREENS = { phone: '390x844', tablet: '820x1180', laptop: '1440x900', kiosk: '1080x1920' } as const;

function landing({ on_product }: Arrival, random: Random): Page {
  return on_product || random.chance(0.3) ? anyProduct(random) : random.chance(0.5) ? HOME : anyCategory(random);
}

/** The page states whoever is logged in, the right person or not. */
function meetLogin({ random, parameters, person, tag }: Visitor, page: Pages, logs_in: boolean): void {
  const login = openLogin(tag.jar, page.now());
  if (!login) return;
  tag.claim('identify', page.now() + 50, login.customer_id, {});
  if (login.person === person.person || (!logs_in && random.chance(parameters.use_others_login))) return;
  // They see another's name. A few sign straight in over it, which `logIn` does; the others log that person out.
  if (!logs_in || random.chance(LOGS_OTHERS_OUT)) tag.logout(page.now() + 5 * SECOND);
}

const LOGS_OTHERS_OUT = 0.7;

function logIn({ random, parameters, person, device, tag }: Visitor, page: Pages): void {
  if (openLogin(tag.jar, page.now())?.person === person.person) return;
  const [first, second] = person.customer_ids;
  const customer_id = second !== undefined && random.chance(SECOND_ACCOUNT_USED) ? second : first;
  if (customer_id === undefined) return;
  page.view(ACCOUNT);
  // GA4's user-provided data: the account's e-mail hash goes with logins and sign-ups. A second account has another address.
  const hash = customer_id === first && { email_sha256: person.email_sha256 };
  tag.claim('login', page.now() + SECOND, customer_id, { ...hash, props: { method: 'password' } });
  const stays = device.kind !== 'kiosk' && random.chance(parameters.stay_logged_in[device.shared ? 1 : 0]);
  const until = stays ? page.now() + random.exponential(parameters.login_days) * DAY : null;
  const { person: name, email_sha256 } = person;
  tag.jar.login = { person: name, customer_id, email_sha256, until, session_id: tag.jar.session_id };
}

const SECOND_ACCOUNT_USED = 0.3;

/** One page more, and what one does there. Returns the product that was looked at. */
function browse(random: Random, page: Pages): Product | null {
  switch (random.weighted({ product: 5, category: 3, search: 2 })) {
    case 'product': {
      const product = anyProduct(random);
      page.view(product);
      page.event('view_item', { currency: 'EUR', value: product.item.price, items: [{ ...product.item, quantity: 1 }] });
      return product;
    }
    case 'category': {
      const category = anyCategory(random);
      page.view(category);
      page.event('view_item_list', { item_list_name: category.name, items: Array.from({ length: 3 }, () => anyProduct(random).item) });
      return null;
    }
    case 'search': {
      const found = anySearch(random);
      page.view(found);
      page.event('search', { search_term: found.term });
      return null;
    }
  }
}

function addToCart(random: Random, page: Pages, { item }: Product, tag: Tag): void {
  page.event('add_to_cart', { currency: 'EUR', value: item.price, items: [{ ...item, quantity: 1 }] });
  if (tag.jar.kiosk || random.chance(0.5)) page.view(CART);
}

function order(visitor: Visitor, page: Pages, product: Product): void {
  const { random, parameters, person, tag, people } = visitor;
  const items: Item[] = [product, ...Array.from({ length: random.int(3) }, () => anyProduct(random))].map(({ item }) => ({
    ...item,
    quantity: 1,
  }));
  const basket = { currency: 'EUR', value: totalOf(items), items };
  page.view(CART);
  page.event('view_cart', basket);
  page.view(CHECKOUT);
  page.event('begin_checkout', basket);
  if (!openLogin(tag.jar, page.now()) && person.customer_ids.length > 0 && random.chance(parameters.login_to_order)) logIn(visitor, page);
  else if (person.customer_ids.length === 0 && random.chance(parameters.sign_up)) {
    person.customer_ids.push(person.person);
    tag.claim('sign_up', page.now() + SECOND, person.person, { email_sha256: person.email_sha256 });
  }
  page.event('add_shipping_info', { ...basket, shipping_tier: 'standard' });
  page.event('add_payment_info', { ...basket, payment_type: random.pick(['card', 'invoice', 'wallet']) });
  const login = openLogin(tag.jar, page.now());
  const email_sha256 = random.chance(parameters.gift) ? random.pick(people).email_sha256 : (login?.email_sha256 ?? person.email_sha256);
  page.view({ path: '/checkout/thanks', title: 'Thank you | Example Shop' });
  tag.claim('purchase', page.now() + 100, login?.customer_id ?? tag.jar.stated, {
    email_sha256,
    props: { ...basket, transaction_id: `T${random.id(10)}` },
  });
}

function leave({ random, parameters, person, device, tag }: Visitor, page: Pages): void {
  if (openLogin(tag.jar, page.now())?.person !== person.person) return;
  if (!random.chance(parameters.logout[device.kind === 'kiosk' ? 2 : device.shared ? 1 : 0])) return;
  const at = page.now() + 10 * SECOND;
  if (tag.jar.kiosk || random.chance(parameters.reset)) tag.reset(at);
  else tag.logout(at);
}
