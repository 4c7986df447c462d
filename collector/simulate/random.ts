/** Seeded randomness for the simulator: the same seed gives the same retailer, on every machine. */

export interface Random {
  /** In [0, 1). */
  next(): number;
  chance(probability: number): boolean;
  /** An integer in [0, below). */
  int(below: number): number;
  /** A number in [from, to). */
  between(from: number, to: number): number;
  pick<T>(items: readonly T[]): T;
  /** A key of the table, drawn by its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K;
  exponential(mean: number): number;
  logNormal(median: number, sigma: number): number;
  poisson(mean: number): number;
  /** `length` characters of nanoid's alphabet. */
  id(length: number): string;
}

/** Streams of different names are independent: drawing from one never shifts another. */
export function randomFrom(...name: readonly (string | number)[]): Random {
  const next = sfc32(hashOf(name.join('/')));
  const exponential = (mean: number): number => -Math.log(1 - next()) * mean;
  return {
    next,
    chance: (probability) => next() < probability,
    int: (below) => Math.floor(next() * below),
    between: (from, to) => from + next() * (to - from),
    pick: <T>(items: readonly T[]) => items[Math.floor(next() * items.length)] as T,
    weighted: <K extends string>(weights: Readonly<Record<K, number>>) => {
      const entries = Object.entries(weights) as [K, number][];
      let left = next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [key, weight] of entries) {
        left -= weight;
        if (left < 0) return key;
      }
      return (entries.at(-1) as [K, number])[0];
    },
    exponential,
    logNormal: (median, sigma) => median * Math.exp(sigma * Math.sqrt(2 * exponential(1)) * Math.cos(2 * Math.PI * next())),
    poisson: (mean) => {
      let count = 0;
      for (let left = mean; ; count += 1) {
        left -= exponential(1);
        if (left < 0) return count;
      }
    },
    id: (length) => {
      let id = '';
      for (let at = 0; at < length; at += 1) id += ALPHABET[Math.floor(next() * 64)];
      return id;
    },
  };
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Four words of state from a name: FNV-1a, with a murmur finish between the words. */
function hashOf(name: string): [number, number, number, number] {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  const word = (): number => {
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash = (hash ^ (hash >>> 16)) + 0x9e3779b9;
    return hash | 0;
  };
  return [word(), word(), word(), word()];
}

/** Chris Doty-Humphrey's small fast counter generator (PractRand). */
function sfc32([seedA, seedB, seedC, seedD]: [number, number, number, number]): () => number {
  let [a, b, c, counter] = [seedA, seedB, seedC, seedD];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 4_294_967_296;
  };
  for (let warmUp = 0; warmUp < 12; warmUp += 1) next();
  return next;
}
