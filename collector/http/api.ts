/** All endpoints of the API, and what each of them needs. */
import type { Millis } from '../../protocol/event.ts';
import type { HeavyReads } from '../export/export.ts';
import type { Intake } from '../intake/intake.ts';
import type { Retention } from '../intake/retention.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { createStandings } from '../profile/standings.ts';
import type { Store } from '../store/store.ts';
import { type Audit, auditRoutes } from './audit.ts';
import type { Auth } from './auth.ts';
import { codeRoutes } from './codes.ts';
import { codesRevokeRoutes } from './codes-revoke.ts';
import { customerRoutes } from './customers.ts';
import { decisionRoutes } from './decisions.ts';
import { type Api, type ApiOptions, createApi } from './endpoint.ts';
import { erasureRoutes } from './erasure.ts';
import { eventRoutes } from './events.ts';
import { explanationRoutes } from './explanations.ts';
import type { Frontier } from './frontier.ts';
import { gs1TargetRoutes } from './gs1-targets.ts';
import { importRoutes } from './import.ts';
import { linkRoutes } from './links.ts';
import { pictureRoutes } from './pictures.ts';
import { profileRoutes } from './profiles.ts';
import { relinkRoutes } from './relink.ts';
import { reportRoutes } from './reports.ts';
import { reviewRoutes } from './review.ts';
import { scanRoutes } from './scans.ts';
import { siteRoutes } from './sites.ts';
import { storeRoutes } from './stores.ts';
import { type Streams, streamRoutes } from './stream.ts';
import { tokenRoutes } from './tokens.ts';
import { upkeepRoutes } from './upkeep.ts';

export interface ApiParts extends Omit<ApiOptions, 'sites'> {
  store: Store;
  /** What is asked for by name (an import, a decision) goes straight to the store. */
  intake: Intake;
  reads: HeavyReads;
  auth: Auth;
  audit: Audit;
  policy: LinkingPolicy;
  /** Null: everything is kept for ever. */
  retention: Retention | null;
  frontier: Frontier;
  metrics: Metrics;
  log: Logger;
  /** Whether all that any collector acknowledged by now is in the store, after as long as that may take. */
  allApplied(): Promise<boolean>;
  data_dir: string;
  now: () => Millis;
  publicUrl: () => string;
  /** Told of codes written or retired, so that a scan sees it. */
  onCodes(codes: readonly string[]): void;
  onStores(): void;
  onGs1Targets(): void;
}

export function mountApi(parts: ApiParts): { api: Api; stream: Streams } {
  const { store, now, onCodes } = parts;
  const api = createApi({ ...parts, sites: store.sites });
  const standings = createStandings({ queries: store.queries, sites: store.sites, now });
  const all = { ...parts, api, standings };
  auditRoutes(all);
  storeRoutes({ ...all, onChange: parts.onStores });
  profileRoutes(all);
  customerRoutes(all);
  eventRoutes(all);
  reportRoutes(all);
  reviewRoutes(all);
  linkRoutes(all);
  explanationRoutes(all);
  pictureRoutes(all);
  codeRoutes({ ...all, onChange: onCodes });
  codesRevokeRoutes({ ...all, onChange: onCodes });
  scanRoutes(all);
  gs1TargetRoutes({ ...all, onChange: parts.onGs1Targets });
  decisionRoutes(all);
  relinkRoutes(all);
  importRoutes(all);
  siteRoutes(all);
  tokenRoutes(all);
  upkeepRoutes(all);
  erasureRoutes(all);
  return { api, stream: streamRoutes(all) };
}
