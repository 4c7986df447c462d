/** Who the person is made of, what each join rests on, and the decisions that stand. */
import { type Signal, useSignal } from '@preact/signals';
import type { Api } from '../api.ts';
import { decisionsAbout, type Identity } from '../identity.ts';
import { mayDo } from '../session.ts';
import type { DecisionRow, LinkRow, Profile, TimelineEvent } from '../types.ts';
import { formatMoment } from '../words.ts';
import { Decide } from './decide.tsx';
import { EdgePanel } from './edge-panel.tsx';
import { IdentityPicture } from './identity-picture.tsx';

interface IdentitySectionProps {
  api: Api;
  site: string;
  identity: Identity;
  profile: Profile;
  decisions: readonly DecisionRow[];
  events: readonly TimelineEvent[];
  /** The session whose explanation is wanted. */
  asked: Signal<LinkRow | null>;
  onDone: () => void;
}

export function IdentitySection({ api, site, identity, profile, decisions, events, asked, onDone }: IdentitySectionProps) {
  const chosen = useSignal<string | null>(null);
  const undo = useSignal<{ target: string; what: string } | null>(null);
  const edge = identity.edges.find(({ key }) => key === chosen.value)?.edge;
  const standing = decisionsAbout(profile, decisions, new Set(events.map(({ event_id }) => event_id)));
  const onUndo = (target: string, what: string): void => {
    undo.value = { target, what };
  };
  return (
    <section class="panel" aria-label="Identity">
      <h2>Who this person is made of</h2>
      <div class="who">
        <IdentityPicture identity={identity} chosen={chosen} />
        <div aria-live="polite">
          {edge ? (
            <EdgePanel
              edge={edge}
              site={site}
              onUndo={onUndo}
              onWhy={(link) => {
                asked.value = link;
              }}
            />
          ) : (
            <p class="quiet">Each line is there for a reason: click its ring to see the evidence, and how to undo it.</p>
          )}
        </div>
      </div>
      {standing.length > 0 && (
        <>
          <h3>Decisions about this person</h3>
          <ul class="decisions">
            {standing.map((said) => (
              <li key={said.decision_id}>
                <span>
                  <b>{said.type}</b> <bdi>{subjectOf(said)}</bdi> <span class="quiet">by</span> <bdi>{said.author}</bdi>{' '}
                  <span class="quiet">{formatMoment(said.time)}:</span> <bdi>{said.reason}</bdi>
                </span>
                {mayDo('admin') && (
                  <button class="plain" type="button" onClick={() => onUndo(said.decision_id, `the ${said.type}`)}>
                    Undo …
                  </button>
                )}
              </li>
            ))}
          </ul>
        </>
      )}
      {undo.value !== null && (
        <Decide
          key={undo.value.target}
          api={api}
          site={site}
          statement={{ type: 'revoke', target: undo.value.target }}
          title={`Undo ${undo.value.what}?`}
          verb="Undo"
          onDone={() => {
            chosen.value = null;
            onDone();
          }}
          onClose={() => {
            undo.value = null;
          }}
        />
      )}
    </section>
  );
}

function subjectOf(said: DecisionRow): string {
  if (said.type === 'merge') return said.customers.join(' + ');
  if (said.type === 'kiosk') return said.anonymous_id;
  return said.type === 'hub' ? said.customer_id : said.target;
}
