/** Mints ids as nanoid does, over an alphabet of 32 that needs no table, also in pages that have no `crypto`. */
import { attempt } from './guard.ts';

/** 5 bits a character. */
export function randomId(size: number): string {
  const bytes = attempt(() => crypto.getRandomValues(new Uint8Array(size))) || [];
  let id = '';
  while (size--) id += ((bytes[size] || Math.random() * 32) & 31).toString(32);
  return id;
}
