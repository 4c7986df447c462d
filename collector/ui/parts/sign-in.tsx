/** Asks for a token where the page was opened without one. */
import { useSignal } from '@preact/signals';
import type { TargetedSubmitEvent } from 'preact';
import { asFailure, createApi } from '../api.ts';
import { Icon } from './icons.tsx';

export function SignIn({ message, onToken }: { message: string | null; onToken: (token: string) => void }) {
  const said = useSignal(message);
  const busy = useSignal(false);

  async function submit(event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const token = String(new FormData(event.currentTarget).get('token') ?? '').trim();
    if (token === '') {
      said.value = 'Paste a token first.';
      return;
    }
    busy.value = true;
    try {
      await createApi(token)('/v1/sites');
      onToken(token);
    } catch (thrown) {
      said.value = asFailure(thrown).message;
    } finally {
      busy.value = false;
    }
  }

  return (
    <main class="sign-in">
      <form onSubmit={submit}>
        <p class="brand">
          <Icon name="mark" /> Footfall
        </p>
        <h1>Sign in</h1>
        <p class="quiet">
          The collector printed a link with its token when it first started. Open that link, or paste a token that may read.
        </p>
        <label for="token">Token</label>
        <input
          id="token"
          name="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          placeholder="sk_…"
          aria-describedby="sign-in-message"
          autofocus
        />
        <p id="sign-in-message" class="problem" role="alert">
          {said}
        </p>
        <button class="primary" type="submit" disabled={busy.value}>
          Sign in
        </button>
        <p class="quiet small">It stays in this tab and is gone when you close it.</p>
      </form>
    </main>
  );
}
