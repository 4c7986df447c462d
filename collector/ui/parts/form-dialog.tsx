/** A form in a dialog: its fields, what the collector says against them, and the deed. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { asFailure } from '../api.ts';
import { Icon } from './icons.tsx';

interface FormDialogProps {
  title: string;
  /** What the button says; without one there is nothing to do (yet). */
  verb: string | null;
  children: ComponentChildren;
  /** Gets the fields by name, trimmed. A `Failure` keeps the dialog open and is shown. */
  act: (fields: Record<string, string>) => Promise<unknown>;
  onDone: () => void;
  onClose: () => void;
}

export function FormDialog({ title, verb, children, act, onDone, onClose }: FormDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const problem = useSignal<string | null>(null);
  const busy = useSignal(false);
  useLayoutEffect(() => dialog.current?.showModal(), []);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const entries = [...new FormData(event.currentTarget as HTMLFormElement)];
    busy.value = true;
    problem.value = null;
    try {
      await act(Object.fromEntries(entries.map(([name, value]) => [name, typeof value === 'string' ? value.trim() : ''])));
      dialog.current?.close();
      onDone();
    } catch (thrown) {
      problem.value = asFailure(thrown).message;
    } finally {
      busy.value = false;
    }
  }
  return (
    <dialog ref={dialog} class="confirm form-dialog" aria-label={title} onClose={onClose}>
      <form onSubmit={submit}>
        <header>
          <h2>{title}</h2>
          <button class="plain" type="button" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </button>
        </header>
        {children}
        {problem.value !== null && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <p class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            {verb === null ? 'Close' : 'Cancel'}
          </button>
          {verb !== null && (
            <button class="primary" type="submit" disabled={busy.value}>
              {verb}
            </button>
          )}
        </p>
      </form>
    </dialog>
  );
}
