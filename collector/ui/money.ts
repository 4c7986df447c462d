/** Adds decimal strings exactly, per currency. Pure. */

interface Money {
  value: string;
  currency: string;
}

/** One sum per currency; rows without a proper amount or a currency are left out. */
export function addMoney(rows: readonly { revenue: string | null; currency: string | null }[]): Money[] {
  const sums = new Map<string, bigint>();
  for (const { revenue, currency } of rows) {
    const parts = revenue === null ? null : /^(-?)(\d{1,30})(?:\.(\d{1,6}))?$/.exec(revenue);
    if (!parts || currency === null) continue;
    const amount = BigInt(`${parts[1]}${parts[2]}${(parts[3] ?? '').padEnd(DIGITS, '0')}`);
    sums.set(currency, (sums.get(currency) ?? 0n) + amount);
  }
  return [...sums].map(([currency, sum]) => ({ currency, value: decimal(sum) }));
}

const DIGITS = 6;

function decimal(sum: bigint): string {
  const digits = (sum < 0n ? -sum : sum).toString().padStart(DIGITS + 1, '0');
  const fraction = digits.slice(-DIGITS).replace(/0+$/, '');
  return `${sum < 0n ? '-' : ''}${digits.slice(0, -DIGITS)}${fraction && `.${fraction.padEnd(2, '0')}`}`;
}
