/** Mints ids by nanoid's algorithm, also in pages that have no `crypto`. */
import { random, urlAlphabet } from 'nanoid';
import { attempt } from './guard.ts';

export function randomId(size: number): string {
  const bytes = attempt(() => random(size)) || [];
  let id = '';
  while (size--) id += urlAlphabet[(bytes[size] || Math.random() * 64) & 63];
  return id;
}
