/** The pages, in the order of the menu: to add one, write its file in pages/ and a line here (docs/ui.md). */
import type { ComponentChild } from 'preact';
import type { Api } from './api.ts';
import { CodesPage } from './pages/codes.tsx';
import { CustomerPage } from './pages/customer.tsx';
import { CustomersPage } from './pages/customers.tsx';
import { FunnelPage } from './pages/funnel.tsx';
import { HealthPage } from './pages/health.tsx';
import { LinksPage } from './pages/links.tsx';
import { LivePage } from './pages/live.tsx';
import { ReviewPage } from './pages/review.tsx';

/** What every page is given. It is shown anew when `path` or `site` change, and kept when only `query` does. */
export interface PageProps {
  api: Api;
  /** The site chosen in the menu. */
  site: string;
  /** What follows the page's own name in the address. */
  path: readonly string[];
  query: Readonly<Record<string, string>>;
}

interface Page {
  /** The first part of its address. */
  name: string;
  /** How many parts follow it. */
  parts: number;
  /** Its name in the menu; without one it is reached from other pages. */
  menu?: string;
  /** The one question that it answers, as the title of its tab. */
  question: string;
  show: (props: PageProps) => ComponentChild;
}

export const PAGES: readonly Page[] = [
  { name: 'live', parts: 0, menu: 'Live', question: 'What is happening now?', show: LivePage },
  { name: 'customers', parts: 0, menu: 'Customers', question: 'Who is this?', show: CustomersPage },
  { name: 'customers', parts: 2, question: 'Was this all one person, and why?', show: CustomerPage },
  { name: 'links', parts: 0, menu: 'Links', question: 'Which session is whose?', show: LinksPage },
  { name: 'review', parts: 0, menu: 'Review', question: 'Which links are doubtful?', show: ReviewPage },
  { name: 'codes', parts: 0, menu: 'Codes', question: 'Which code sells?', show: CodesPage },
  { name: 'funnel', parts: 0, menu: 'Funnel', question: 'Where do we lose them?', show: FunnelPage },
  { name: 'health', parts: 0, menu: 'Health', question: 'Can I trust it?', show: HealthPage },
];

/** The page of an address; the first one where it is nobody's. */
export function pageAt(path: readonly string[]): Page {
  return PAGES.find(({ name, parts }) => name === path[0] && parts === path.length - 1) ?? (PAGES[0] as Page);
}
