/** Structured logs: JSON lines without bodies, ids of visitors, IPs or query strings. */
import { type Logger, pino } from 'pino';

export type { Logger };

export function createLog(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
}
