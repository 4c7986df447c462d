/** The few signs that the pages use, drawn here: a 16 × 16 grid, strokes in the text's colour. */

export type IconName = keyof typeof SHAPES;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={SHAPES[name]} />
    </svg>
  );
}

/** The sign for an event of this type. */
export function eventIcon(type: string): IconName {
  return EVENT_ICONS[type] ?? 'dot';
}

export function deviceIcon(type: string | null): IconName {
  if (type === 'mobile' || type === 'smartphone') return 'phone';
  if (type === 'tablet') return 'tablet';
  return 'computer';
}

const SHAPES = {
  dot: 'M8 6.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3z',
  computer: 'M3 3.5h10v7H3zM1.5 13h13',
  phone: 'M5 1.5h6v13H5zM7.3 12.4h1.4',
  tablet: 'M3 2h10v12H3zM7.3 11.9h1.4',
  store: 'M2.5 6.5 3.5 3h9l1 3.5M2.5 6.5h11M3.5 7v6.5h9V7M6.5 13.5v-4h3v4',
  backend: 'M3 3h10v4H3zM3 9h10v4H3zM5 5h.01M5 11h.01',
  till: 'M3 7h10l1 6.5H2zM4.5 7V2.5h7V7M6 4.5h4M5 10h.01M8 10h.01M11 10h.01',
  service: 'M2.5 9.5V8a5.5 5.5 0 0 1 11 0v1.5M2.5 9h2v4h-2zM11.5 9h2v4h-2zM12.5 13c0 1-1.5 1.5-3.5 1.5',
  ad: 'M2.5 6.5v3l8 3.5V3zM10.5 6a2 2 0 0 1 0 4M4.5 10.3l.8 3.2h2l-.8-2.4',
  mail: 'M1.5 3.5h13v9h-13zM1.5 4l6.5 5 6.5-5',
  page: 'M4 1.5h5l3 3v10H4zM9 1.5v3h3',
  eye: 'M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z',
  cart: 'M1.5 2.5h2l1.8 7.5h6.6l1.6-5.5H4.2M6.3 12.6h.01M11.2 12.6h.01',
  card: 'M1.5 4h13v8.5h-13zM1.5 7h13',
  bag: 'M3.5 5.5h9l.8 8.5H2.7zM5.8 7.5V4.2a2.2 2.2 0 0 1 4.4 0v3.3',
  back: 'M5.5 3 2.5 6l3 3M2.5 6H10a3.5 3.5 0 0 1 0 7H6',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3 14 14',
  person: 'M8 2a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM2.5 14.3c.5-3 2.6-4.6 5.5-4.6s5 1.6 5.5 4.6',
  leave: 'M9.5 3V2h-7v12h7v-1M6 8h8M11.5 5.5 14 8l-2.5 2.5',
  code: 'M2.5 2.5H7V7H2.5zM9 2.5h4.5V7H9zM2.5 9H7v4.5H2.5zM9 9h2v2H9zM13.5 9v.01M13.5 11.5v2H11',
  link: 'M6.5 9.5l3-3M7.2 4.6 8.7 3a3 3 0 0 1 4.3 4.3l-1.6 1.5M8.8 11.4 7.3 13A3 3 0 0 1 3 8.7l1.6-1.5',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  mark: 'M4 6.2a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM12 13.8a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM4 6.2v2.3a3 3 0 0 0 3 3h3',
} as const;

const EVENT_ICONS: Readonly<Record<string, IconName>> = {
  page_view: 'page',
  view_item: 'eye',
  view_item_list: 'page',
  add_to_cart: 'cart',
  remove_from_cart: 'cart',
  begin_checkout: 'card',
  purchase: 'bag',
  refund: 'back',
  search: 'search',
  login: 'person',
  sign_up: 'person',
  identify: 'person',
  logout: 'leave',
  reset: 'leave',
  scan: 'code',
  service_contact: 'service',
  email_click: 'mail',
};
