/** Draws who a person is made of; each line opens what it rests on, and how to undo it. */
import { type Signal, useSignal } from '@preact/signals';
import type { Identity, Node } from '../identity.ts';
import { outcomeOf } from '../links-table.ts';
import type { Outcome } from '../types.ts';
import { formatCount, joined, shortId, spoken } from '../words.ts';
import { deviceIcon, Icon, type IconName } from './icons.tsx';
import { OutcomeMark } from './outcome.tsx';

const ROW = 56;
const COLUMNS = [44, 324, 604] as const;
/** How far lines between customers reach to the left. */
const LOOP = 36;
const WIDTH = 210;

export function IdentityPicture({ identity, chosen }: { identity: Identity; chosen: Signal<string | null> }) {
  const { nodes, edges, rows, hidden } = identity;
  const over = useSignal<string | null>(null);
  const middle = ({ row }: Node): number => row * ROW + ROW / 2;
  return (
    <section class="identity" aria-label="Who this person is made of">
      <div class="identity-heads" aria-hidden="true">
        <b>Customers</b>
        <b>Browsers</b>
        <b>Sessions & scans</b>
      </div>
      <div class="identity-sheet" style={{ height: `${rows * ROW}px` }}>
        <svg width={COLUMNS[2] + WIDTH} height={rows * ROW} aria-hidden="true">
          {edges.map(({ key, from, to, strength }) => {
            const classes = `is-${strength} ${chosen.value === key ? 'is-chosen' : ''} ${over.value === key ? 'is-over' : ''}`;
            return <path key={key} class={classes} d={pathBetween(from, to, middle)} />;
          })}
        </svg>
        {nodes.map((node) => (
          <div
            key={node.key}
            class={`node is-${node.kind}`}
            style={{ left: `${COLUMNS[node.column]}px`, top: `${node.row * ROW + 5}px`, width: `${WIDTH}px`, height: `${ROW - 10}px` }}
            title={joined(node.title, node.detail)}
          >
            <Icon name={iconOf(node)} />
            <span>
              <bdi>{node.kind === 'customer' && node.sort === 'email' ? 'a guest by e-mail' : node.title}</bdi>
              {node.kind === 'sessions' ? (
                <OutcomeMark outcome={node.detail as Outcome} />
              ) : (
                <bdi class="quiet">{node.kind === 'browser' ? shortId(node.detail) : node.detail}</bdi>
              )}
            </span>
          </div>
        ))}
        {edges.map(({ key, from, to, strength, edge }) => {
          const [x, y] = handleOf(from, to, middle);
          const words =
            edge.kind === 'claim'
              ? spoken(edge.evidence[0]?.type ?? '')
              : edge.kind === 'sessions'
                ? spoken(outcomeOf(edge.links[0] ?? NONE))
                : edge.kind;
          return (
            <button
              key={key}
              type="button"
              class={`handle is-${strength}`}
              style={{ left: `${x}px`, top: `${y}px` }}
              aria-pressed={chosen.value === key}
              aria-label={`${from.title} to ${to.title}: ${words}, ${strength}`}
              onMouseEnter={() => {
                over.value = key;
              }}
              onMouseLeave={() => {
                over.value = null;
              }}
              onClick={() => {
                chosen.value = chosen.value === key ? null : key;
              }}
            />
          );
        })}
      </div>
      {hidden > 0 && <p class="quiet small">and {formatCount(hidden)} more browsers, seen longer ago</p>}
    </section>
  );
}

const NONE = { status: 'anonymous', rule: null } as const;

function iconOf({ kind, sort }: Node): IconName {
  if (kind === 'customer') return sort === 'email' ? 'mail' : 'person';
  if (kind === 'browser') return deviceIcon(sort);
  return kind === 'scan' ? 'code' : 'page';
}

type Point = readonly [x: number, y: number];

/** From side to side; customers that are one person are joined at their left. */
function curveOf(from: Node, to: Node, middle: (node: Node) => number): readonly [Point, Point, Point, Point] {
  const [a, b] = [middle(from), middle(to)];
  const [start, end] = [COLUMNS[from.column] + WIDTH, COLUMNS[to.column]];
  if (from.column !== to.column)
    return [
      [start, a],
      [(start + end) / 2, a],
      [(start + end) / 2, b],
      [end, b],
    ];
  const edge = COLUMNS[from.column];
  return [
    [edge, a],
    [edge - LOOP, a],
    [edge - LOOP, b],
    [edge, b],
  ];
}

function pathBetween(from: Node, to: Node, middle: (node: Node) => number): string {
  const [a, b, c, d] = curveOf(from, to, middle);
  return `M${a}C${b} ${c} ${d}`;
}

/** A place on the line: where many lines leave one browser, nearer to what each leads to. */
function handleOf(from: Node, to: Node, middle: (node: Node) => number): Point {
  const t = to.column === 2 ? 0.78 : 0.5;
  const weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3];
  const along = (axis: 0 | 1): number =>
    curveOf(from, to, middle).reduce((sum, point, index) => sum + point[axis] * (weights[index] ?? 0), 0);
  return [along(0), along(1)];
}
