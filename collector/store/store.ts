/**
 * The store's contract. Every adapter passes test/contract/store.ts.
 *
 * All writes happen in transactions that run one after another for one browser; what a transaction wrote is fsynced when
 * `write` resolves, or nothing of it is there. Reads see whole transactions only.
 *
 * Several processes may write to one PostgreSQL store, each what it likes, also the same events at once (a linker that took over
 * another's share): each event counts once, and the links are those of the set. `work` may be run again from its beginning, so it
 * must do nothing that cannot be done twice but through its transaction. What rejects with StoreUnavailable may be stored all the
 * same, if the server went away during the commit: apply it again. Places in the feeds are seen in their order, none ever late.
 */
import type { RawBuilder } from 'kysely';
import type { Millis, Rejected } from '../../protocol/event.ts';
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import type { Site, SiteRecord } from '../domain/site.ts';
import type { BrowserState, Placed, SessionState } from '../linking/browser.ts';
import type { SessionChanges } from '../linking/changes.ts';
import type { Decision } from '../linking/event.ts';
import type { GuestPair } from '../linking/person.ts';
import type { Queries } from './queries.ts';

export interface Store {
  /** Runs `work` in one transaction. Rejects with what `work` threw, or with StoreUnavailable; then nothing was written. */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Sites with their secrets, as of the last write. */
  sites(): readonly SiteRecord[];
  /** Every browser of these sites (null: all), whole, one after the other; lets other work in between. For reading only. */
  browsers(sites: readonly string[] | null): AsyncGenerator<BrowserRecord>;
  /** Read-only queries, on a connection that never sees half a transaction. */
  readonly queries: Queries;
  /** Null where a transaction costs little more than an entry would. */
  readonly journal: Journal | null;
  /** Writes a row and reads it back. Rejects with StoreUnavailable. */
  probe(now: Millis): Promise<void>;
  /** Writes a whole copy, as of one moment, into this new file while writing goes on. Answers its size in bytes. Rejects with StoreUnavailable, or a Problem that names the damage. */
  backup(file: string): Promise<number>;
  /** After an erasure: takes what was deleted out of the store's files too, as far as it can. */
  sweep(): Promise<void>;
  /** How often a browser that a transaction needed was in memory, and how often it was not. */
  browserCache(): { hits: number; misses: number };
  close(): Promise<void>;
}

/** What is acknowledged and not applied yet. Entries stay until they are removed, and may be applied more than once. */
export interface Journal {
  /** Resolves, with its number, once the entry is on stable storage. Rejects with StoreUnavailable. */
  append(entry: string): Promise<number>;
  /** Of entries that are applied. */
  remove(entries: readonly number[]): Promise<void>;
  /**
   * Hands entries of at least that age (by the store's clock), oldest first, to `apply`, and removes them after it; not those that are in
   * the hands of another. Answers how many. Rejects with what `apply` threw, or with StoreUnavailable; then they stay.
   */
  takeOver(age: Millis, apply: (entries: readonly string[]) => Promise<void>): Promise<number>;
  /** True once all entries are removed that were there, whoever appended them; false if they are not in this time. Rejects with StoreUnavailable. */
  emptied(within: Millis): Promise<boolean>;
}

/** The event or statement that made a customer somebody else. */
export type CauseOf = (customer_id: string) => string;

/** Names a browser, and which of its sessions are needed. */
export interface BrowserRef {
  site_pk: number;
  anonymous_id: string;
  session_ids: ReadonlySet<string>;
}

/** A browser as it is stored: its row, its boundaries and the sessions asked for so far. */
export interface BrowserRecord {
  site_pk: number;
  anonymous_id: string;
  browser_pk: number;
  state: BrowserState;
  session_pks: Map<string, number>;
}

export interface Customer {
  person: string;
  hub: boolean;
}

/** An event that carries a scan's token, as a place where the scan could stand (R11). */
export interface Carrier {
  event_id: string;
  occurred_at: Millis;
  time: Millis;
  rank: 0 | 1 | 2;
  browser_pk: number;
  session_pk: number;
}

export interface ScanRecord {
  site_pk: number;
  scan_id: string;
  occurred_at: Millis;
  /** The carrier it stands before now. */
  claimer_id: string | null;
  browser_pk: number | null;
  session_pk: number | null;
  carriers: Carrier[];
}

export interface SavedBrowser {
  record: BrowserRecord;
  sessions: { session: SessionState; changes: SessionChanges; cause_event_id: string }[];
}

/** A span of a browser's time whose sessions must be judged again, and read again from their events where `refold` says so. */
export interface Relink {
  browser_pk: number;
  from: Millis;
  to: Millis;
  refold: boolean;
  cause_event_id: string;
}

export interface QueuedRelink extends Relink {
  relink_pk: number;
  /** Sessions up to this one are done. */
  after_session: number;
}

/** A claim as decisions look at it. */
export interface ClaimRecord {
  event_id: string;
  browser_pk: number | null;
  time: Millis;
  customer_id: string;
  email: string | null;
  revoked: boolean;
}

/** An entry of the change feed, seen from inside its transaction; outcomes without their empty fields. */
export interface ChangeRecord {
  type: 'upsert' | 'delete' | 'person';
  session_id: string | null;
  anonymous_id: string | null;
  segment: number | null;
  link: Record<string, unknown> | null;
  old: Record<string, unknown> | null;
}

/** What a stored event said, as far as a copy of it may differ. */
export interface StoredCopy {
  type: string;
  time: Millis;
  payload: string;
  anonymous_id: string | null;
  session_id: string | null;
  customer_id: string | null;
  email: string | null;
}

/** The statements of one write transaction. */
export interface Tx {
  /**
   * Says which events the transaction is about to apply, before it reads anything of them: a store with several writers locks here
   * what they share with other transactions' events.
   */
  begin(events: readonly AcceptedEvent[], sitePk: (site: string) => number): Promise<void>;
  /** Runs one portable statement, for what is too rare to have its own. One that writes makes everything kept in memory be read again. */
  run<T>(query: RawBuilder<T>): Promise<T[]>;
  /** Where keys of events are kept beside the events: this one is another from now on. */
  replaceKey(site_pk: number, event_id: string, by: string): Promise<void>;
  /** Of these keys, the ones stored before: event_id → what is needed to see whether a copy's content differs. */
  knownEvents(site_pk: number, event_ids: readonly string[]): Promise<Map<string, StoredCopy>>;
  /** Loads browsers, making rows for new browsers and sessions. Locks them until the end of the transaction. */
  loadBrowsers(refs: readonly BrowserRef[]): Promise<BrowserRecord[]>;
  /** A browser known by its row. */
  browserAt(browser_pk: number): Promise<BrowserRecord>;
  /** Stores events with their claims, barriers, scans and scan tokens. None of them may be stored already. */
  insertEvents(events: readonly { event: AcceptedEvent; site_pk: number; record: BrowserRecord | null }[]): Promise<void>;
  /**
   * Adds to the record's state the whole sessions that have a segment touching this span of `time`, `limit` at most, in the order
   * of their rows after `after`. Answers their ids, and the row to go on after, or null when that was all.
   */
  loadSessionsWithin(
    record: BrowserRecord,
    span: { from: Millis; to: Millis },
    after: number,
    limit: number,
  ): Promise<{ session_ids: string[]; next: number | null }>;
  loadSession(record: BrowserRecord, session_pk: number): Promise<SessionState>;
  /** All events of these sessions, claimed scans included, each at its place. */
  eventsOf(record: BrowserRecord, session_ids: ReadonlySet<string>): Promise<Map<string, Placed[]>>;
  customers(site_pk: number, customer_ids: ReadonlySet<string>): Promise<Map<string, Customer>>;
  /** The scans among these that are stored and were carried, each with all its carriers. */
  carriedScans(site_pk: number, scan_ids: ReadonlySet<string>): Promise<ScanRecord[]>;
  /** Notes that a scan is one of a single-use code. */
  addSingleUse(site_pk: number, scan_id: string, code: string): Promise<void>;
  /** For each single-use code of which one of these is a scan: all its scans, and which of them are spent. */
  singleUses(site_pk: number, scan_ids: Iterable<string>): Promise<Map<string, boolean>[]>;
  /** A spent scan makes no claim, whatever else is said of it. */
  setSpent(site_pk: number, scan_id: string, spent: boolean): Promise<void>;
  /** Lets a scan stand before this carrier; its personal claim moves with it. */
  moveScan(scan: ScanRecord, claimer: Carrier | null): Promise<void>;
  /** Writes links, sessions' landings and the change feed. */
  saveBrowsers(saved: readonly SavedBrowser[], now: Millis, policy_version: number): Promise<void>;
  decisions(site_pk: number): Promise<Decision[]>;
  addDecision(site_pk: number, decision: Decision, said: { author: string; reason: string }): Promise<void>;
  claims(site_pk: number, event_ids: ReadonlySet<string>): Promise<ClaimRecord[]>;
  /** Claims, on browsers, of these customers; `contested`: only where the browser has another customer's claim as well. */
  claimsOf(site_pk: number, customers: ReadonlySet<string>, contested: boolean): Promise<ClaimRecord[]>;
  setRevoked(site_pk: number, event_ids: ReadonlySet<string>, revoked: boolean): Promise<void>;
  setHub(site_pk: number, customer_id: string, hub: boolean): Promise<void>;
  /** False if there is no such browser. */
  setKiosk(site_pk: number, anonymous_id: string, kiosk: boolean): Promise<number | null>;
  hubs(site_pk: number): Promise<Set<string>>;
  /** Raw ids and e-mails that came on one claim, of these e-mails. */
  pairs(site_pk: number, emails: ReadonlySet<string>): Promise<GuestPair[]>;
  /** The e-mails that came on one claim with any of these raw ids. */
  emailsOf(site_pk: number, customers: ReadonlySet<string>): Promise<Set<string>>;
  /** Sets persons (null: the customer is its own) and tells the change feed of those that changed. Answers who did. */
  setPersons(site_pk: number, persons: ReadonlyMap<string, string | null>, causeOf: CauseOf, now: Millis): Promise<Set<string>>;
  /** Makes browsers be loaded again: what their claims mean has changed. */
  forgetBrowsers(browser_pks: Iterable<number>): Promise<void>;
  queueRelinks(relinks: readonly Relink[]): Promise<void>;
  nextRelinks(limit: number): Promise<QueuedRelink[]>;
  /** Marks a relink as done up to a session, or whole. */
  advanceRelink(relink_pk: number, after_session: number | null): Promise<void>;
  /** What a statement changed so far, after this position of the change feed. */
  changedBy(cause_event_id: string, after: number): Promise<ChangeRecord[]>;
  lastPosition(): Promise<number>;
  /**
   * Takes the content of at most so many events received before this moment (not of claims, barriers and scans), in the order of
   * storing; their keys stay. Removes as many refused events of that age. `done`: there are no more.
   */
  dropOld(before: Millis, limit: number): Promise<{ events: number; failed: number; done: boolean }>;
  dropFailed(failed_pks: readonly number[]): Promise<void>;
  saveFailed(site: string, failed: readonly (Rejected & { raw: string })[], now: Millis): Promise<void>;

  saveSite(site: Site): Promise<SiteRecord>;
  saveStore(site_pk: number, store: StoreRow): Promise<void>;
  saveCode(code: CodeRow): Promise<void>;
  /** Of these codes, those that exist on any site. */
  takenCodes(codes: Iterable<string>): Promise<Set<string>>;
  /** Adds to a code's history. */
  addCodeEdit(edit: CodeEdit): Promise<void>;
  /** Adds a target, or replaces the one of the same anchor, link type and language. */
  saveGs1Target(target: Gs1TargetRow): Promise<void>;
  /** False if there was none. */
  dropGs1Target(target: Omit<Gs1TargetRow, 'target' | 'title' | 'updated_at'>): Promise<boolean>;
  addAudit(entries: readonly AuditEntry[]): Promise<void>;
  /** Removes entries from before this moment. */
  dropAudit(before: Millis): Promise<void>;
  /** Adds a token. */
  saveToken(token: TokenRow): Promise<void>;
  /** Sets what is named of a live token, and leaves the rest. False if there is no such. */
  editToken(token_id: string, edit: TokenEdit): Promise<boolean>;
  /** False if there is no such live token. */
  revokeToken(token_id: string, now: Millis): Promise<boolean>;
}

export interface StoreRow {
  store_id: string;
  name: string;
  gln: string | null;
}

/** A printed code. */
export interface CodeRow {
  code: string;
  site_pk: number;
  target: string;
  label: string;
  kind: 'plain' | 'product' | 'personal';
  customer_id: string | null;
  single_use: boolean;
  store_id: string | null;
  placement: string | null;
  sku: string | null;
  gtin: string | null;
  campaign: string | null;
  valid_from: Millis | null;
  valid_until: Millis | null;
  fallback: string | null;
  active: boolean;
  created_at: Millis;
  updated_at: Millis;
}

/** One edit of a code: the fields that changed. */
export interface CodeEdit {
  code: string;
  edited_at: Millis;
  author: string;
  old: Partial<CodeRow>;
  new: Partial<CodeRow>;
}

/** Where a GS1 Digital Link leads. */
export interface Gs1TargetRow {
  site_pk: number;
  /** `01/09521000100015`, qualifiers included where given; with `prefix` the beginning of many. */
  anchor: string;
  prefix: boolean;
  /** `gs1:pip`, …; `gs1:defaultLink` is what a plain scan follows. */
  link_type: string;
  /** BCP 47, empty for any. */
  lang: string;
  target: string;
  title: string;
  updated_at: Millis;
}

/** A call, or several like it within a moment, that read personal data or decided something. */
export interface AuditEntry {
  at: Millis;
  token_id: string;
  token_name: string;
  /** The endpoint: `GET /v1/customers/:id`. */
  action: string;
  /** Null: whatever the token reaches. */
  site: string | null;
  subject_kind: string | null;
  /** A keyed hash of the id, but for decisions, which are named. */
  subject: string | null;
  /** Names of what was asked by, or edited. */
  fields: string[];
  calls: number;
}

export type Scope = 'read' | 'write' | 'admin';

export type TokenEdit = Partial<Pick<TokenRow, 'name' | 'scopes' | 'sites' | 'expires_at'>>;

export interface TokenRow {
  token_id: string;
  /** SHA-256 of the token. */
  hash: Buffer;
  name: string;
  scopes: Scope[];
  /** Null: every site. */
  sites: string[] | null;
  created_at: Millis;
  expires_at: Millis | null;
  revoked_at: Millis | null;
}
