/** A page's clock that runs on with an offset, so that "two days later" takes no two days. */

/**
 * A script that shifts `Date` and `performance.timeOrigin` of its document by `offset` ms against the machine's clock.
 * Must run before the page's scripts; run again, it only changes the offset. Leaves no name on `window`.
 */
export function clockScript(offset: number): string {
  return `(${SHIFT_CLOCK})(window, ${Math.round(offset)});`;
}

/** Source, not a function: what transpilers put into functions may not exist in the page. */
const SHIFT_CLOCK = `function (window, offset) {
  const key = Symbol.for('footfall.test.clock');
  const RealDate = window.Date;
  if (RealDate[key]) {
    RealDate[key].offset = offset;
    return;
  }
  const clock = { offset };
  const realNow = RealDate.now;
  const now = () => realNow() + clock.offset;
  const define = (target, name, value) => Object.defineProperty(target, name, { value, writable: true, configurable: true });
  const ShiftedDate = new Proxy(RealDate, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
  });
  Object.defineProperty(RealDate, key, { value: clock });
  define(RealDate, 'now', now);
  define(RealDate.prototype, 'constructor', ShiftedDate);
  define(window, 'Date', ShiftedDate);
  const { prototype } = window.Performance;
  const origin = Object.getOwnPropertyDescriptor(prototype, 'timeOrigin').get;
  Object.defineProperty(prototype, 'timeOrigin', {
    get() {
      return origin.call(this) + clock.offset;
    },
    configurable: true,
    enumerable: true,
  });
}`;
