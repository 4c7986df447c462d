/** An operator's decision: what it would change, link by link, before it is made. */
import type { Api } from '../api.ts';
import { outcomeOf } from '../links-table.ts';
import type { LinkRow } from '../types.ts';
import { formatCount, shortId } from '../words.ts';
import { Confirm } from './confirm.tsx';
import { OutcomeMark } from './outcome.tsx';

export type Statement =
  | { type: 'merge'; customers: readonly string[]; into: string }
  | { type: 'revoke'; target: string }
  | { type: 'kiosk'; anonymous_id: string }
  | { type: 'hub'; customer_id: string };

interface DryRun {
  changed: number;
  persons: number;
  /** Else the counts are at least these. */
  complete: boolean;
  /** The first of them. */
  links: { session_id: string; segment: number; old: LinkRow | null; new: LinkRow | null }[];
}

interface DecideProps {
  api: Api;
  site: string;
  statement: Statement;
  title: string;
  verb: string;
  onDone: () => void;
  onClose: () => void;
}

export function Decide({ api, site, statement, ...dialog }: DecideProps) {
  const body = { ...statement, site };
  return (
    <Confirm
      {...dialog}
      preview={() => api.send<DryRun>('POST', '/v1/decisions', { ...body, reason: 'a dry run' }, { dry_run: 1 })}
      show={(run) => <Changes run={run} />}
      act={(reason) => api.send('POST', '/v1/decisions', { ...body, reason })}
    />
  );
}

function Changes({ run: { changed, persons, complete, links } }: { run: DryRun }) {
  return (
    <>
      <p>
        {changed === 0 && complete
          ? 'No link would change'
          : `${complete ? '' : 'At least '}${formatCount(changed)} ${changed === 1 ? 'link' : 'links'} would change`}
        {persons > 0 && `, and who is one person with whom, for ${formatCount(persons)} ${persons === 1 ? 'customer' : 'customers'}`}.{' '}
        <span class="quiet">A decision can be revoked: then all is as before.</span>
      </p>
      <ul class="changes">
        {links.slice(0, SHOWN).map((link) => (
          <li key={`${link.session_id} ${link.segment}`}>
            <code title={link.session_id}>{shortId(link.session_id)}</code> <Side link={link.old} /> → <Side link={link.new} />
          </li>
        ))}
        {changed > SHOWN && <li class="quiet">and {formatCount(changed - SHOWN)} more</li>}
      </ul>
    </>
  );
}

const SHOWN = 8;

function Side({ link }: { link: LinkRow | null }) {
  if (link === null) return <span class="quiet">no link</span>;
  return (
    <>
      <OutcomeMark outcome={outcomeOf(link)} /> {link.customer_id !== null && <bdi>{link.customer_id}</bdi>}
    </>
  );
}
