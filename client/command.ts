/** What a page can ask for: `footfall('track', 'add_to_wishlist', {…})`. */
import type { Consent, Props, WireEvent } from '../protocol/event.ts';
import { viewPage } from './capture/page-view.ts';
import { decide } from './consent.ts';
import { flush } from './queue.ts';
import { common, identify, ids, record, stateCustomer, whenReady } from './record.ts';

export interface Footfall {
  (command: 'track', name: string, props?: Props): void;
  /** A page view that the URL does not show. */
  (command: 'page', props?: Props): void;
  /** This browser is now this customer. Another customer than before begins a new session. */
  (command: 'identify', customer_id: string | number | null, claim?: { email_sha256?: string; token?: string }): void;
  /** Ends the session and keeps the browser's id. */
  (command: 'logout'): void;
  /** Ends the session and forgets the browser's id. */
  (command: 'reset'): void;
  /** Props for every later event of this page. */
  (command: 'set', props: Props): void;
  (command: 'consent', consent: Consent): void;
  (command: 'flush'): void;
  /** Called once consent is decided; without it there are no ids. */
  (command: 'ready', heard: (ids: Ids) => void): void;
  /** The tag is loaded. The stub, which only takes notes, has none. */
  v?: number;
}

export type Ids = Pick<WireEvent, 'anonymous_id' | 'session_id' | 'tab_id'>;

export const commands: Record<string, (...given: never[]) => void> = {
  track: record,
  page: viewPage,
  identify: (id: unknown, claim?: { email_sha256?: unknown; token?: unknown }) => {
    const { email_sha256, token } = claim || {};
    stateCustomer(id, email_sha256, token);
    identify();
  },
  logout: () => record('logout'),
  reset: () => record('reset'),
  set: (props: Props) => Object.assign(common, props),
  consent: decide,
  flush,
  ready: (heard: (known: Ids) => void) => whenReady(() => heard(ids())),
};
