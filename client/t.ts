/** What `<script src="…/t.js" data-site="SHOP">` runs. */
import { settingsOf } from './config.ts';
import { attempt } from './guard.ts';
import { start } from './index.ts';

attempt(() => start(settingsOf(document.currentScript as HTMLScriptElement)));
