/** Asks before something changes: shows what a dry run says would change, takes the reason, then does it. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { asFailure } from '../api.ts';
import { useLoad } from '../load.ts';
import { Icon } from './icons.tsx';
import { Loaded } from './loaded.tsx';

interface ConfirmProps<Preview> {
  /** `Merge C1 and C2?` */
  title: string;
  /** What the button says: `Merge`. */
  verb: string;
  /** It cannot be undone. */
  final?: boolean;
  /** Asks the collector what would change, without changing it. */
  preview: () => Promise<Preview>;
  show: (preview: Preview) => ComponentChildren;
  /** Absent: no reason is asked for. */
  reason?: boolean;
  act: (reason: string) => Promise<unknown>;
  onDone: () => void;
  onClose: () => void;
}

export function Confirm<Preview>({
  title,
  verb,
  final = false,
  preview,
  show,
  reason = true,
  act,
  onDone,
  onClose,
}: ConfirmProps<Preview>) {
  const dialog = useRef<HTMLDialogElement>(null);
  const said = useSignal('');
  const problem = useSignal<string | null>(null);
  const busy = useSignal(false);
  const load = useLoad(preview, []);
  useLayoutEffect(() => dialog.current?.showModal(), []);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    busy.value = true;
    problem.value = null;
    try {
      await act(said.value.trim());
      dialog.current?.close();
      onDone();
    } catch (thrown) {
      problem.value = asFailure(thrown).message;
    } finally {
      busy.value = false;
    }
  }
  return (
    <dialog ref={dialog} class="confirm" aria-label={title} onClose={onClose}>
      <form onSubmit={submit}>
        <header>
          <h2>{title}</h2>
          <button class="plain" type="button" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </button>
        </header>
        <div class="preview">
          <Loaded of={load}>{show}</Loaded>
        </div>
        {reason && (
          <label>
            Why? <span class="quiet small">Kept with the decision.</span>
            <input
              required
              maxLength={1_000}
              value={said.value}
              onInput={({ currentTarget }) => {
                said.value = currentTarget.value;
              }}
            />
          </label>
        )}
        {problem.value !== null && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <p class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button class={final ? 'primary is-final' : 'primary'} type="submit" disabled={busy.value || load.value.value === null}>
            {verb}
          </button>
        </p>
      </form>
    </dialog>
  );
}
