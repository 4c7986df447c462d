/** For pages that call the tag before it has loaded: notes each call with its address and time, and no more. */
type Stub = ((...given: unknown[]) => void) & { q?: [given: unknown[], url: string, time: number][] };

const names = window as unknown as { footfall?: Stub };
const stub: Stub = (...given) => {
  stub.q = stub.q || [];
  stub.q.push([given, location.href, Date.now()]);
};
names.footfall = names.footfall || stub;
