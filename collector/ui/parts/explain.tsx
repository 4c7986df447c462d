/** Why is this session whose it is? The collector's own reasons, evidence, candidates and what would change them. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Api, asFailure } from '../api.ts';
import { outcomeOf } from '../links-table.ts';
import { customerAddress } from '../route.ts';
import type { Explanation, LinkRow, Reason } from '../types.ts';
import { formatMoment, formatSpan, STRENGTH_MEANING, shortId, spoken } from '../words.ts';
import { OutcomeMark } from './outcome.tsx';

interface ExplainProps {
  api: Api;
  session: Pick<LinkRow, 'site' | 'anonymous_id' | 'session_id'>;
  /** Asked again whenever this rises. */
  version: number;
  /** Shows an event elsewhere on the page; where given, evidence gets a button. */
  onEvent?: ((eventId: string, at: number) => void) | undefined;
}

export function Explain({ api, session, version, onEvent }: ExplainProps) {
  const answer = useSignal<Explanation | null>(null);
  const problem = useSignal<string | null>(null);
  const { site, anonymous_id, session_id } = session;

  useEffect(() => {
    let current = true;
    api.get<Explanation>(`/v1/sessions/${encodeURIComponent(session_id)}/explain`, { site, anonymous_id }).then(
      (found) => {
        if (!current) return;
        answer.value = found;
        problem.value = null;
      },
      (thrown) => {
        if (current) problem.value = asFailure(thrown).message;
      },
    );
    return () => {
      current = false;
    };
  }, [api, site, anonymous_id, session_id, version]);

  if (problem.value !== null) return <p class="problem">{problem}</p>;
  if (answer.value === null) return <p class="quiet">Asking …</p>;
  const { why, links } = answer.value;
  return (
    <div class="explain">
      {why.map((reason) => (
        <Segment
          key={reason.segment}
          reason={reason}
          link={links.find((link) => link.segment === reason.segment)}
          site={site}
          several={why.length > 1}
          onEvent={onEvent}
        />
      ))}
    </div>
  );
}

interface SegmentProps {
  reason: Reason;
  link: LinkRow | undefined;
  site: string;
  several: boolean;
  onEvent: ExplainProps['onEvent'];
}

function Segment({ reason, link, site, several, onEvent }: SegmentProps) {
  const outcome = outcomeOf(reason);
  const { evidence } = reason;
  const candidates = reason.candidates ?? [];
  const changes = reason.would_change ?? [];
  return (
    <section>
      {several && <h3>Segment {reason.segment + 1}</h3>}
      <p>
        <OutcomeMark outcome={outcome} />
      </p>
      <p class="sentence">
        <bdi>{reason.sentence}</bdi>
      </p>
      {evidence && (
        <dl>
          <dt>Evidence</dt>
          <dd>
            {spoken(evidence.type)} at {formatMoment(evidence.occurred_at)}
            {onEvent && (
              <button class="plain" type="button" onClick={() => onEvent(evidence.event_id, evidence.occurred_at)}>
                show
              </button>
            )}
            <code class="id">{evidence.event_id}</code>
          </dd>
          {evidence.customer_id !== null && (
            <>
              <dt>Names</dt>
              <dd>
                <a href={customerAddress(site, evidence.customer_id)}>
                  <bdi>{evidence.customer_id}</bdi>
                </a>
              </dd>
            </>
          )}
          <dt>Strength</dt>
          <dd>
            {evidence.strength} <span class="quiet">{STRENGTH_MEANING[evidence.strength]}</span>
          </dd>
          {link && link.evidence_gap_ms !== null && link.rule !== 'session' && (
            <>
              <dt>Gap</dt>
              <dd>{formatSpan(link.evidence_gap_ms)}</dd>
            </>
          )}
        </dl>
      )}
      {candidates.length > 0 && (
        <>
          <h3>Candidates</h3>
          <ul>
            {candidates.map((candidate) => (
              <li key={candidate.evidence_event_id}>
                <a href={customerAddress(site, candidate.customer_id)}>
                  <bdi>{candidate.customer_id}</bdi>
                </a>{' '}
                <span class="quiet">
                  {formatSpan(candidate.gap_ms)} away, by {shortId(candidate.evidence_event_id)}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      {changes.length > 0 && (
        <>
          <h3>What would change it</h3>
          <ul>
            {changes.map((sentence) => (
              <li key={sentence}>
                <bdi>{sentence}</bdi>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
