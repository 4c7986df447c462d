/** A line to be pasted elsewhere, with a button that copies it. */
import { useSignal } from '@preact/signals';
import { Icon } from './icons.tsx';

export function CopyLine({ text, name }: { text: string; name: string }) {
  const said = useSignal('');
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      said.value = 'Copied.';
    } catch {
      said.value = 'Not allowed here: select the line and copy it.';
    }
  }
  return (
    <>
      <div class="snippet">
        <code>{text}</code>
        <button type="button" aria-label={`Copy ${name}`} onClick={copy}>
          <Icon name="copy" /> Copy
        </button>
      </div>
      <p class="quiet small copied" role="status">
        {said}
      </p>
    </>
  );
}
