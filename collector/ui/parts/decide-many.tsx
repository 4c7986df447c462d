/** Several decisions at once: a dry run of each, one reason for all, and what was made, to be undone. */
import type { Api } from '../api.ts';
import { asFailure } from '../api.ts';
import { outcomeOf } from '../links-table.ts';
import { statementWords } from '../review.ts';
import type { LinkRow } from '../types.ts';
import { formatCount, shortId } from '../words.ts';
import { Confirm } from './confirm.tsx';
import type { Statement } from './decide.tsx';
import { OutcomeMark } from './outcome.tsx';

export interface Made {
  ids: readonly string[];
  changed: number;
}

interface DecideManyProps {
  api: Api;
  site: string;
  title: string;
  verb: string;
  statements: readonly Statement[];
  /** Also of a part, where the collector refused one on the way. */
  onMade: (made: Made) => void;
  onClose: () => void;
}

interface Changed {
  session_id: string;
  segment: number;
  old: LinkRow | null;
  new: LinkRow | null;
}

interface Rehearsal {
  changed: number;
  persons: number;
  /** Else more may change than was counted. */
  complete: boolean;
  links: Changed[];
  /** Statements that cannot be made. */
  refused: { statement: Statement; message: string }[];
}

export function DecideMany({ api, site, title, verb, statements, onMade, onClose }: DecideManyProps) {
  async function rehearse(): Promise<Rehearsal> {
    const sum: Rehearsal = { changed: 0, persons: 0, complete: true, links: [], refused: [] };
    for (const statement of statements) {
      try {
        const body = { ...statement, site, reason: 'a dry run' };
        const answer = await api.send<Omit<Rehearsal, 'refused'>>('POST', '/v1/decisions', body, { dry_run: 1 });
        const { changed, persons, complete, links } = answer;
        sum.changed += changed;
        sum.persons += persons;
        sum.complete &&= complete;
        sum.links.push(...links.slice(0, SHOWN));
      } catch (thrown) {
        sum.refused.push({ statement, message: asFailure(thrown).message });
      }
    }
    if (sum.refused.length === statements.length && sum.refused[0]) throw { kind: 'failed', status: 0, message: sum.refused[0].message };
    return sum;
  }
  async function act(reason: string): Promise<void> {
    const ids: string[] = [];
    let changed = 0;
    try {
      for (const statement of statements) {
        const made = await api.send<{ decision_id: string; changed: number }>('POST', '/v1/decisions', { ...statement, site, reason });
        ids.push(made.decision_id);
        changed += made.changed;
      }
    } finally {
      if (ids.length > 0) onMade({ ids, changed });
    }
  }
  return (
    <Confirm
      title={title}
      verb={verb}
      preview={rehearse}
      show={(sum) => <Preview sum={sum} statements={statements} />}
      act={act}
      onDone={() => undefined}
      onClose={onClose}
    />
  );
}

const SHOWN = 6;

function Preview({ sum, statements }: { sum: Rehearsal; statements: readonly Statement[] }) {
  const { changed, persons, complete, links, refused } = sum;
  const about = complete ? (statements.length > 1 ? 'Up to ' : '') : 'At least ';
  return (
    <>
      <p>
        <b>
          {changed === 0 && complete
            ? 'No link would change'
            : `${about}${formatCount(changed)} ${changed === 1 ? 'link' : 'links'} would change`}
          {persons > 0 && `; ${formatCount(persons)} ${persons === 1 ? 'customer' : 'customers'} would belong to another person`}.
        </b>{' '}
        <span class="quiet">
          {statements.length > 1 && 'Each was tried by itself: what two of them change counts twice. '}All can be taken back.
        </span>
      </p>
      <ul class="said-list">
        {statements.slice(0, SHOWN).map((statement) => (
          <li key={JSON.stringify(statement)}>
            <bdi>{statementWords(statement)}</bdi>
          </li>
        ))}
        {statements.length > SHOWN && <li class="quiet">and {formatCount(statements.length - SHOWN)} more</li>}
      </ul>
      {links.length > 0 && (
        <ul class="changes">
          {links.slice(0, SHOWN).map((link) => (
            <li key={`${link.session_id} ${link.segment} ${link.new?.changed_at}`}>
              <code title={link.session_id}>{shortId(link.session_id)}</code> <Side link={link.old} /> → <Side link={link.new} />
            </li>
          ))}
        </ul>
      )}
      {refused.length > 0 && (
        <p class="problem">
          {formatCount(refused.length)} of them cannot be made, and nothing behind the first such one would be:{' '}
          <bdi>{refused[0]?.message}</bdi>
        </p>
      )}
    </>
  );
}

function Side({ link }: { link: LinkRow | null }) {
  if (link === null) return <span class="quiet">no link</span>;
  return (
    <>
      <OutcomeMark outcome={outcomeOf(link)} /> {link.customer_id && <bdi>{link.customer_id}</bdi>}
    </>
  );
}
