/** Keeps small strings on this device while consent allows it, else in memory. Browsers deny storage in many ways: nothing here throws. */
import { attempt } from './guard.ts';

/** All of the tag's keys begin so. */
export const PREFIX = 'ff_';

const memory: Record<string, string> = Object.create(null);
let area = memory;

/** True while this device may be written to and read from. */
export let storing = false;

export function openStorage(): void {
  storing = true;
  area = attempt(() => localStorage as unknown as Record<string, string>) || memory;
}

/** From here on everything stays in memory. */
export function closeStorage(): void {
  storing = false;
  area = memory;
}

/** Leaves nothing of ours on the device; `kept` keys go on in memory. */
export function eraseStorage(kept: RegExp): void {
  openStorage();
  for (const key of keys(PREFIX)) {
    const value = read(key);
    remove(key);
    if (value && kept.test(key)) memory[key] = value;
  }
  closeStorage();
}

export function read(key: string): string | undefined {
  return memory[key] || attempt(() => area[key]);
}

/** False where the device had no room: the value is then kept in memory. */
export function write(key: string, value: string): boolean {
  delete memory[key];
  const written = attempt(() => (area[key] = value));
  if (!written) memory[key] = value;
  return !!written;
}

export function remove(key: string): void {
  delete memory[key];
  attempt(() => delete area[key]);
}

export function keys(prefix: string): string[] {
  return [...new Set([...Object.keys(memory), ...(attempt(() => Object.keys(area)) || [])])].filter((key) => key.startsWith(prefix)).sort();
}
