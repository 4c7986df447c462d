/** How right a method's links are: precision and recall of visits, and precision of the pairs that it puts together. */
import type { History, Visit } from './history.ts';

/** What a method says of an event: a customer's name, and the profile it is put into. Events without an entry are not linked. */
export interface Named {
  customer: string;
  profile: string;
}
export type Assignment = ReadonlyMap<string, Named>;

/** Shares in [0, 1]. */
export interface Score {
  /** Of the visits linked to a customer: linked to a name of the person who truly made them. */
  precision: number;
  /** Of the visits of people who named themselves at least once in the data: linked, and rightly. */
  recall: number;
  /** Of the pairs of linked visits that share a profile: truly made by one person. */
  pair_precision: number;
}

export function score({ visits, person_of, known }: History, assigned: Assignment): Score {
  let linked = 0;
  let right = 0;
  let asked = 0;
  let found = 0;
  const profiles = new Map<string, Map<string, number>>();
  for (const [index, visit] of visits.entries()) {
    const named = nameOf(visit, assigned);
    const isRight = named !== null && visit.person !== null && person_of.get(named.customer) === visit.person;
    if (visit.person !== null && known.has(visit.person)) {
      asked += 1;
      if (isRight) found += 1;
    }
    if (!named) continue;
    linked += 1;
    if (isRight) right += 1;
    const people = profiles.get(named.profile) ?? new Map<string, number>();
    profiles.set(named.profile, people);
    // Every bot is somebody else.
    const person = visit.person ?? `bot ${index}`;
    people.set(person, (people.get(person) ?? 0) + 1);
  }
  return { precision: right / linked, recall: found / asked, pair_precision: pairPrecision(profiles.values()) };
}

/** What most of the visit's events are linked to; among equals what comes first. */
function nameOf({ events }: Visit, assigned: Assignment): Named | null {
  const votes = new Map<string | null, { named: Named | null; count: number }>();
  for (const { event_id } of events) {
    const named = assigned.get(event_id) ?? null;
    const vote = votes.get(named?.customer ?? null);
    if (vote) vote.count += 1;
    else votes.set(named?.customer ?? null, { named, count: 1 });
  }
  return [...votes.values()].reduce((best, vote) => (vote.count > best.count ? vote : best)).named;
}

function pairPrecision(profiles: Iterable<ReadonlyMap<string, number>>): number {
  const pairs = (n: number): number => (n * (n - 1)) / 2;
  let together = 0;
  let right = 0;
  for (const people of profiles) {
    let size = 0;
    for (const count of people.values()) {
      size += count;
      right += pairs(count);
    }
    together += pairs(size);
  }
  return right / together;
}
