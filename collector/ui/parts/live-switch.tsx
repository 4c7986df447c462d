/** Says whether the page follows what happens, and lets the reader hold it still. */
import type { Signal } from '@preact/signals';

export function LiveSwitch({ paused, waiting }: { paused: Signal<boolean>; waiting: boolean }) {
  const state = paused.value ? 'paused' : waiting ? 'waiting' : 'live';
  return (
    <button
      type="button"
      class={`live is-${state}`}
      aria-pressed={paused.value}
      title={paused.value ? 'Follow again' : 'Hold still'}
      onClick={() => {
        paused.value = !paused.value;
      }}
    >
      {state}
    </button>
  );
}
