/** What the scripted visit asks of each tag; each peer's entry puts it on `window`. */
export interface Driven {
  driven: {
    track(name: string, props: Record<string, string>): void;
    identify(id: string): void;
  };
}

export function drive(calls: Driven['driven']): void {
  (window as unknown as Driven).driven = calls;
}
