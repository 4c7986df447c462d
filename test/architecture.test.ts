/** Holds the direction of imports and the shape of files that docs/architecture.md promises. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { findViolations, readSources } from './architecture.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

test('every import points the way that the architecture says, and every file has its shape', () => {
  expect(findViolations(readSources(ROOT))).toEqual([]);
});

test('a sound little project has no violations', () => {
  expect(findViolations(new Map(Object.entries(SOUND)))).toEqual([]);
  expect(findViolations(new Map())).toEqual([]);
});

test.each([
  ['protocol/event.ts', "import { nanoid } from 'nanoid';", 'no dependencies'],
  ['client/queue.ts', "import { createCollector } from '../collector/collector.ts';", 'client may not import'],
  ['client/queue.ts', "import { readFileSync } from 'node:fs';", 'may not import node:fs'],
  ['collector/linking/link.ts', "import type { Store } from '../store/store.ts';", 'linking may not import'],
  ['collector/linking/link.ts', "import { createHash } from 'node:crypto';", 'may not import node:crypto'],
  ['collector/linking/link.ts', 'export const at = Date.now();', 'linking is pure'],
  ['collector/linking/link.ts', 'export const pick = () => Math.random();', 'linking is pure'],
  ['collector/store/store.ts', "import type { Intake } from '../intake/intake.ts';", 'store may not import'],
  ['collector/store/store.ts', "export const load = () => import('./sqlite.ts');", 'only collector.ts names'],
  ['collector/intake/apply.ts', "import { sqliteStore } from '../store/sqlite.ts';", 'only collector.ts names'],
  ['collector/intake/apply.ts', "import { app } from '../http/app.ts';", 'intake may not import'],
  ['collector/http/app.ts', "import { directIntake } from '../intake/direct.ts';", 'only collector.ts names'],
  ['collector/http/app.ts', "import { createCollector } from '../collector.ts';", 'http may not import'],
  ['collector/cli.ts', "import { sqliteStore } from './store/sqlite.ts';", 'only collector.ts names'],
  ['collector/log.ts', "import { readConfig } from './store/store.ts';", 'leaves may not import'],
  ['collector/ui/app.tsx', "import { app } from '../http/app.ts';", 'ui may not import'],
  ['collector/odds.ts', 'export const ends = 1;', 'stands in no layer'],
  ['collector/http/app.ts', 'export default 1;', 'default export'],
  ['collector/http/index.ts', "export * from './app.ts';", 'barrel file'],
])('%s with `%s` is caught', (file, source, complaint) => {
  const violations = findViolations(new Map([...Object.entries(SOUND), [file, `/** It. */\n${source}`]]));
  expect(violations).toHaveLength(1);
  expect(violations[0]).toContain(`${file}: `);
  expect(violations[0]).toContain(complaint);
});

test('a file that does not say what it is for is caught, and comments are not taken for code', () => {
  expect(findViolations(new Map([['bench/tag.ts', 'export const run = 1;']]))).toEqual([expect.stringContaining('doc comment')]);
  const commented = '/** Never Date.now(): the time comes with the event. */\n// nor Math.random()\nexport const link = 1;';
  expect(findViolations(new Map([['collector/linking/link.ts', commented]]))).toEqual([]);
});

const SOUND: Record<string, string> = {
  'protocol/event.ts': '/** It. */\nexport const V = 1;',
  'client/index.ts': "/** It. */\nexport { enqueue } from './queue.ts';",
  'client/queue.ts':
    "/** It. */\nimport { V } from '../protocol/event.ts';\nimport { nanoid } from 'nanoid';\nexport const enqueue = [V, nanoid];",
  'collector/errors.ts': '/** It. */\nexport class Problem extends Error {}',
  'collector/linking/link.ts': "/** It. */\nimport { V } from '../../protocol/event.ts';\nexport const link = V;",
  'collector/store/store.ts': "/** It. */\nimport type { link } from '../linking/link.ts';\nexport type Store = typeof link;",
  'collector/store/sqlite.ts': "/** It. */\nimport { tables } from './migrations/sqlite.ts';\nexport const sqliteStore = tables;",
  'collector/store/migrations/sqlite.ts': "/** It. */\nimport { column } from '../sqlite-column.ts';\nexport const tables = column;",
  'collector/store/sqlite-column.ts': '/** It. */\nexport const column = 1;',
  'collector/intake/direct.ts':
    "/** It. */\nimport type { Store } from '../store/store.ts';\nexport const directIntake = (store: Store) => store;",
  'collector/http/app.ts': "/** It. */\nimport type { Store } from '../store/store.ts';\nexport const app = (store: Store) => store;",
  'collector/collector.ts':
    "/** It. */\nimport { app } from './http/app.ts';\nimport { sqliteStore } from './store/sqlite.ts';\nexport const createCollector = () => app(sqliteStore);",
  'collector/main.ts': "/** It. */\nimport { createCollector } from './collector.ts';\ncreateCollector();",
  'rollup.config.mjs': '/** It. */\nexport default {};',
};
