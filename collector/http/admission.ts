/**
 * What may be in memory between arriving and being stored: bounded in requests and in bytes. A site may hold as much as is left
 * for all others together, so that one site's flood leaves room for the next site's visitors.
 */

export interface Admission {
  /** Whether the door is shut: nothing more is to be read. */
  full(): boolean;
  /** Counts bytes of bodies under way; negative ones are done with. */
  reading(bytes: number): void;
  /** Lets a request of this site and size wait, or answers null. What it returns is called once, when the request is answered. */
  admit(site: string, bytes: number): (() => void) | null;
  /** What is held now. */
  held(): { requests: number; bytes: number };
}

export const REQUESTS_HELD = 5_000;
export const BYTES_HELD = 32 * 1024 * 1024;

export function createAdmission({ most_requests = REQUESTS_HELD, most_bytes = BYTES_HELD } = {}): Admission {
  const sites = new Map<string, { requests: number; bytes: number }>();
  let requests = 0;
  let held = 0;
  let under_way = 0;
  return {
    full: () => requests >= most_requests || held + under_way >= most_bytes,
    reading(bytes) {
      under_way += bytes;
    },
    admit(site, bytes) {
      const own = sites.get(site) ?? { requests: 0, bytes: 0 };
      if (own.requests >= most_requests - requests || own.bytes + bytes > most_bytes - held) return null;
      sites.set(site, own);
      own.requests += 1;
      own.bytes += bytes;
      requests += 1;
      held += bytes;
      return () => {
        own.requests -= 1;
        own.bytes -= bytes;
        requests -= 1;
        held -= bytes;
        if (own.requests === 0) sites.delete(site);
      };
    },
    held: () => ({ requests, bytes: held + under_way }),
  };
}
