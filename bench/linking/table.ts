/** The comparison as tables: for a terminal, and as Markdown for docs/linking.md. */
import type { Comparison, LinkingResult, Range, Row } from '../linking.ts';

export function textTable({ seeds, presets, other_worlds, reference, engine }: LinkingResult): string {
  const lines = [...presets, ...other_worlds].flatMap(({ preset, note, visits, methods, policies }) => [
    '',
    `${preset} (${note}): ${seeds.length} seeds, ${visits} visits each; mean (least to most), per cent`,
    textRow(['', 'precision', 'recall', 'pairs']),
    ...methods.map((row) => textRow([`${row.source}: ${row.method}`, ...shares(row)])),
    ...policies.map((row) => textRow([`  with ${row.method}`, ...shares(row)])),
  ]);
  return [...lines, '', `pure function ${reference.events_per_s} events/s, engine ${engine.events_per_s} events/s`].join('\n');
}

export function markdownTables({ seeds, presets, other_worlds }: LinkingResult): string {
  return [DEFINITIONS, ...[...presets, ...other_worlds].map((comparison) => markdownOf(comparison, seeds.length))].join('\n\n');
}

const DEFINITIONS = `A *visit* is one person's part of one session; it counts as linked to whom most of its events are linked to. *Precision*: of the
visits linked, those linked to a name (account or e-mail) of the person who truly made them. *Recall*: of the visits of people who
named themselves at least once in the data, those linked, and rightly. *Pairs*: of the pairs of visits put into one profile, those
truly made by one person. The shop is [simulated](simulate.md); what each rule is taken to be stands in \`bench/linking/\`.`;

function markdownOf({ preset, note, visits, methods, policies }: Comparison, seeds: number): string {
  const changed = [
    '',
    '| Footfall with | precision | recall | pairs |',
    '| --- | --- | --- | --- |',
    ...policies.map((row) => `| ${[row.method, ...shares(row)].join(' | ')} |`),
  ];
  return [
    `**${preset}** (${note}; ${seeds} seeds, about ${Math.round(visits / 100) * 100} visits each; per cent: mean, least to most)`,
    '',
    '| rule | as in | precision | recall | pairs |',
    '| --- | --- | --- | --- | --- |',
    ...methods.map((row) => `| ${[row.method, row.source, ...shares(row)].join(' | ')} |`),
    ...(policies.length > 0 ? changed : []),
  ].join('\n');
}

function shares({ precision, recall, pair_precision }: Row): string[] {
  return [precision, recall, pair_precision].map(percent);
}

function percent({ mean, min, max }: Range): string {
  const shown = (share: number): string => (share * 100).toFixed(1);
  return `${shown(mean)} (${shown(min)} to ${shown(max)})`;
}

function textRow([name = '', ...cells]: readonly string[]): string {
  return name.padEnd(52) + cells.map((cell) => cell.padEnd(22)).join('');
}
