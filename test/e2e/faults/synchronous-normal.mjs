/** Loaded before a collector: its store commits without an fsync, so that the power cut test is seen to find losses. */
import Database from 'better-sqlite3';

const { pragma } = Database.prototype;
let changed = 0;
Database.prototype.pragma = function weaker(source, options) {
  if (source === 'synchronous = FULL') changed += 1;
  return pragma.call(this, source === 'synchronous = FULL' ? 'synchronous = NORMAL' : source, options);
};
process.once('exit', () => changed === 0 && process.stderr.write('synchronous-normal: the store never asked for FULL\n'));
