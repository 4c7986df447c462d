/** The overlay behind `?ff_debug=1` and `data-debug`: the tag loads it before it starts, so that nothing goes unseen. */
import { attempt } from '../guard.ts';
import { findTags } from './find-tags.ts';
import { stepsOf } from './installation.ts';
import { openPanel } from './panel.ts';
import { watchTag } from './watch.ts';

attempt(() => {
  const tags = findTags(document);
  // This file is the collector's: `https://t.shop.example/t/debug.js`.
  const collector = import.meta.url.replace(/\/t\/[^/]*$/, '');
  const watch = watchTag({ ...tags, collector });
  const show = openPanel();
  const look = () => {
    const seen = watch();
    show(stepsOf(seen), seen);
  };
  look();
  setInterval(() => attempt(look), 500);
});
