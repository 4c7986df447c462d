/** What `<script src="…/t.js" data-site="SHOP">` runs. */
import { settingsOf } from './config.ts';
import { attempt } from './guard.ts';
import { start } from './index.ts';

attempt(() => {
  const settings = settingsOf(document.currentScript as HTMLScriptElement);
  const run = () => start(settings);
  // The overlay goes first, so that it sees the first request too; a policy that refuses it does not keep the tag from its work.
  if (settings.debug || /ff_debug=1/.test(location.href)) import(`${settings.collector}/t/debug.js`).then(run, run);
  else run();
});
