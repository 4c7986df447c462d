/** How much slower than on a quiet machine this process gets its work done now: bounds on elapsed time are meant for a quiet one. */
import { Worker } from 'node:worker_threads';

export interface Yardstick {
  /** Of the slowest piece of work so far; at least 1. */
  worst(): number;
  /** Of the middle one; at least 1. */
  typical(): number;
  stop(): Promise<unknown>;
}

/** A piece of work takes this long on a quiet machine. */
const PIECE_MS = 10;
const CODE = `
  const { parentPort } = require('node:worker_threads');
  setInterval(() => {
    const began = performance.now();
    let sum = 0;
    for (let n = 0; n < 1e7; n += 1) sum = (sum * 31 + n) | 0;
    parentPort.postMessage(performance.now() - began + (sum & 0));
  }, 100);`;

export function startYardstick(): Yardstick {
  const took: number[] = [];
  const worker = new Worker(CODE, { eval: true }).on('message', (ms: number) => void took.push(ms / PIECE_MS));
  return {
    worst: () => Math.max(1, ...took),
    typical: () => Math.max(1, took.toSorted((a, b) => a - b)[took.length >> 1] ?? 1),
    stop: () => worker.terminate(),
  };
}
