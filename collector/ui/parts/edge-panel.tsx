/** What a line of the identity picture rests on: evidence, rule, time, and how to undo it. */
import type { ComponentChildren } from 'preact';
import type { Edge, Evidence } from '../identity.ts';
import { outcomeOf } from '../links-table.ts';
import { addressOf } from '../route.ts';
import { mayDo } from '../session.ts';
import type { LinkRow } from '../types.ts';
import { formatMoment, formatSpan, OUTCOME_MEANING, placeOf, STRENGTH_MEANING, shortId, spoken } from '../words.ts';
import { OutcomeMark } from './outcome.tsx';

interface EdgePanelProps {
  edge: Edge;
  site: string;
  onWhy: (link: LinkRow) => void;
  /** Asks to take back a claim or a decision. */
  onUndo: (target: string, what: string) => void;
}

export function EdgePanel({ edge, site, onWhy, onUndo }: EdgePanelProps) {
  switch (edge.kind) {
    case 'claim':
      return (
        <Panel title={<>{edge.customer_id} was named on this browser</>}>
          {edge.evidence.slice(0, SHOWN).map((evidence) => (
            <EvidenceItem key={evidence.event_id} evidence={evidence} onUndo={onUndo} />
          ))}
          {edge.evidence.length > SHOWN && <p class="quiet">and {edge.evidence.length - SHOWN} more</p>}
        </Panel>
      );
    case 'sessions': {
      const { outcome, links, evidence, anonymous_id } = edge;
      return (
        <Panel title={<OutcomeMark outcome={outcome} />}>
          <p>{OUTCOME_MEANING[outcome]}</p>
          <ul>
            {links.slice(0, SHOWN).map((link) => (
              <li key={`${link.session_id} ${link.segment}`}>
                {formatMoment(link.started_at)}, {link.events} events
                {link.evidence_gap_ms !== null && link.rule !== 'session' && (
                  <span class="quiet">, {formatSpan(link.evidence_gap_ms)} away</span>
                )}{' '}
                <button class="plain" type="button" aria-label={`Why? Session ${shortId(link.session_id)}`} onClick={() => onWhy(link)}>
                  why?
                </button>
              </li>
            ))}
          </ul>
          {evidence.length > 0 && <h3>On the evidence of</h3>}
          {evidence.slice(0, SHOWN).map((one) => (
            <EvidenceItem key={one.event_id} evidence={one} onUndo={onUndo} />
          ))}
          <p>
            <a href={addressOf(['links'], { anonymous_id })}>All links of this browser</a>
          </p>
        </Panel>
      );
    }
    case 'scan':
      return (
        <Panel title={<>Scanned {edge.scan.code}</>}>
          <p>
            <bdi>{placeOf(edge.scan)}</bdi>
          </p>
          <p class="quiet">
            The code’s link was opened on this browser first, in the session of {formatMoment(edge.link.started_at)}, which is{' '}
            {spoken(outcomeOf(edge.link))}. A printed code names nobody: it joins no browsers.
          </p>
          <p>
            <a href={addressOf(['links'], { code: edge.scan.code })}>All sessions of this code</a>
          </p>
        </Panel>
      );
    case 'merge':
      return (
        <Panel title={<>{edge.customers.join(' and ')} are one person</>}>
          <p>
            {edge.decision.author} decided so at {formatMoment(edge.decision.time)}: <bdi>{edge.decision.reason}</bdi>
          </p>
          <Undo target={edge.decision.decision_id} what="the merge" onUndo={onUndo} />
        </Panel>
      );
    case 'email':
      return (
        <Panel title={<>{edge.customer_id} has this e-mail address</>}>
          <p>
            Events that carry both name one person only. What was bought as a guest with the address is theirs.{' '}
            <span class="quiet">Rule R10.</span>
          </p>
          <code class="id" title={site}>
            {edge.guest}
          </code>
        </Panel>
      );
  }
}

const SHOWN = 8;

function Panel({ title, children }: { title: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class="edge explain">
      <h3>
        <bdi>{title}</bdi>
      </h3>
      {children}
    </div>
  );
}

function EvidenceItem({
  evidence: { event_id, type, at, strength, sessions },
  onUndo,
}: {
  evidence: Evidence;
  onUndo: EdgePanelProps['onUndo'];
}) {
  return (
    <div class="evidence">
      <p>
        <b>{spoken(type)}</b> {formatMoment(at)} <span class="quiet">for {sessions === 1 ? 'a session' : `${sessions} sessions`}</span>
      </p>
      <p class="quiet small">
        {strength}: {STRENGTH_MEANING[strength]}
      </p>
      <code class="id">{event_id}</code>
      <Undo target={event_id} what={`this ${spoken(type)}`} onUndo={onUndo} />
    </div>
  );
}

function Undo({ target, what, onUndo }: { target: string; what: string; onUndo: EdgePanelProps['onUndo'] }) {
  if (!mayDo('admin')) return null;
  return (
    <button type="button" onClick={() => onUndo(target, what)}>
      Undo {what} …
    </button>
  );
}
