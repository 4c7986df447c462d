/** Asks for a token where nobody is signed in (any more), and then goes on where the address says. */
import { useSignal } from '@preact/signals';
import type { TargetedSubmitEvent } from 'preact';
import { asFailure } from '../api.ts';
import { farewell, signIn } from '../session.ts';
import { Icon } from './icons.tsx';

export function SignIn() {
  const said = useSignal(farewell.value);
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
      await signIn(token);
    } catch (thrown) {
      const { kind, message } = asFailure(thrown);
      said.value = kind === 'refused' && location.protocol === 'http:' && message === 'Nobody is signed in.' ? NEEDS_HTTPS : message;
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
        <p class="quiet small">The session lasts 12 hours, or until the token is revoked. The token itself is not kept in the browser.</p>
      </form>
    </main>
  );
}

const NEEDS_HTTPS = 'The browser did not keep the session: over plain http that works on localhost only. Open this page with https.';
