/** How many machines a rate needs, from what each stage was measured to cost: plain arithmetic, held against a measurement. */

/** CPU microseconds that one event costs. */
export interface StageCosts {
  /** A collector: decode, enrich, publish. */
  collect: number;
  /** All NATS servers together, in and out. */
  stream: number;
  /** A linker. */
  link: number;
  /** PostgreSQL. */
  store: number;
}

export interface Needs {
  /** Cores busy at this rate, by stage. */
  cores: StageCosts;
  /** Processes: a collector or a linker uses a little more than one core. */
  collectors: number;
  linkers: number;
  /** At least one for each linker, and room to add more. */
  partitions: number;
  store_cores: number;
  /** Stored a day, without replicas. */
  gigabytes_per_day: number;
}

export interface Assumptions {
  /** Share of a core that a process may use on the average, so that peaks have room. */
  utilisation: number;
  /** Bytes of an event in the store, indexes included. */
  bytes_per_event: number;
}

export function needsAt(events_per_s: number, costs: StageCosts, { utilisation, bytes_per_event }: Assumptions): Needs {
  const busy = (cost: number): number => (events_per_s * cost) / 1e6;
  const processes = (cost: number): number => Math.max(2, Math.ceil(busy(cost) / utilisation));
  const linkers = processes(costs.link);
  return {
    cores: { collect: busy(costs.collect), stream: busy(costs.stream), link: busy(costs.link), store: busy(costs.store) },
    collectors: processes(costs.collect),
    linkers,
    partitions: 2 ** Math.ceil(Math.log2(Math.max(32, linkers * 4))),
    store_cores: Math.ceil(busy(costs.store) / utilisation),
    gigabytes_per_day: (events_per_s * 86_400 * bytes_per_event) / 1e9,
  };
}

/** CPU seconds that the stages need for these events: published ones, and applied ones. */
export function cpuFor({ published, applied }: { published: number; applied: number }, costs: StageCosts): number {
  // A group is written into the stream once, and read and removed once.
  const stream = (costs.stream * (published + applied)) / 2;
  return (published * costs.collect + stream + applied * (costs.link + costs.store)) / 1e6;
}
