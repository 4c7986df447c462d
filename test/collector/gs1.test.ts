/** GS1 Digital Link: vectors written from the rules, round trips as a property, and no throw whatever comes in. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildDigitalLink, describeFault, type Element, type Gs1Link, parseDigitalLink } from '../../collector/scan/gs1.ts';
import { AIS, PRIMARY_KEYS, REQUIRED_QUALIFIERS } from '../../collector/scan/gs1-keys.ts';
import { checkDigit, checkPair, isGln, isGtin } from '../../collector/scan/gs1-value.ts';

const GTIN = '09521000100015';
const GLN = '9521000000018';
const withDigit = (digits: string): string => digits + checkDigit(digits);
const SSCC = withDigit('39521000000000017'.slice(0, 17));
const GSRN = withDigit('95210000000000012'.slice(0, 17));
const GMN = `9521000model7${checkPair('9521000model7')}`;

/** Path after the host, and what it says: primary key, qualifiers, attributes. */
const VALID: [path: string, key: Element, qualifiers?: Element[], attributes?: Element[]][] = [
  [`/00/${SSCC}`, ['00', SSCC]],
  [`/01/${GTIN}`, ['01', GTIN]],
  ['/01/9521000100015', ['01', GTIN]],
  ['/01/012345678905', ['01', '00012345678905']],
  ['/01/95210001', ['01', '00000095210001']],
  [`/gtin/${GTIN}`, ['01', GTIN]],
  [
    `/01/${GTIN}/22/2A/10/LOT1/21/S1`,
    ['01', GTIN],
    [
      ['22', '2A'],
      ['10', 'LOT1'],
      ['21', 'S1'],
    ],
  ],
  [
    `/01/${GTIN}/22/2A/21/S1`,
    ['01', GTIN],
    [
      ['22', '2A'],
      ['21', 'S1'],
    ],
  ],
  [
    `/gtin/${GTIN}/lot/LOT1/ser/S1`,
    ['01', GTIN],
    [
      ['10', 'LOT1'],
      ['21', 'S1'],
    ],
  ],
  [`/01/${GTIN}/10/A%2FB%2BC`, ['01', GTIN], [['10', 'A/B+C']]],
  [`/01/${GTIN}/10/01`, ['01', GTIN], [['10', '01']]],
  [`/01/${GTIN}/235/TPX1`, ['01', GTIN], [['235', 'TPX1']]],
  [`/01/${GTIN}?17=261231`, ['01', GTIN], [], [['17', '261231']]],
  [`/01/${GTIN}?17=261200`, ['01', GTIN], [], [['17', '261200']]],
  [
    `/01/${GTIN}?11=240229;3103=000195`,
    ['01', GTIN],
    [],
    [
      ['11', '240229'],
      ['3103', '000195'],
    ],
  ],
  [`/01/${GTIN}?414=${GLN}`, ['01', GTIN], [], [['414', GLN]]],
  [`/deep/path/01/${GTIN}`, ['01', GTIN]],
  [`/253/${withDigit('952100000001')}`, ['253', withDigit('952100000001')]],
  [`/253/${withDigit('952100000001')}DOC-7`, ['253', `${withDigit('952100000001')}DOC-7`]],
  [`/255/${withDigit('952100000001')}0042`, ['255', `${withDigit('952100000001')}0042`]],
  ['/401/9521000ABC', ['401', '9521000ABC']],
  [`/402/${withDigit('9521000000000012')}`, ['402', withDigit('9521000000000012')]],
  [`/414/${GLN}`, ['414', GLN]],
  [`/414/${GLN}/254/shelf-4`, ['414', GLN], [['254', 'shelf-4']]],
  [`/414/${GLN}/7040/1ABC`, ['414', GLN], [['7040', '1ABC']]],
  [`/415/${GLN}/8020/INV-1`, ['415', GLN], [['8020', 'INV-1']]],
  [`/417/${GLN}`, ['417', GLN]],
  [`/8003/0${GLN}S1`, ['8003', `0${GLN}S1`]],
  ['/8004/9521000ASSET/7040/1ABC', ['8004', '9521000ASSET'], [['7040', '1ABC']]],
  [`/8006/${GTIN}0102/21/S1`, ['8006', `${GTIN}0102`], [['21', 'S1']]],
  ['/8010/9521000PART-1/8011/12', ['8010', '9521000PART-1'], [['8011', '12']]],
  [`/8013/${GMN}`, ['8013', GMN]],
  ['/8013/1987654Ad4X4bL5ttr2310c2K', ['8013', '1987654Ad4X4bL5ttr2310c2K']],
  [`/8017/${GSRN}/8019/7`, ['8017', GSRN], [['8019', '7']]],
  [`/8018/${GSRN}`, ['8018', GSRN]],
];

const INVALID: [uri: string, reason: string, ai: string | null][] = [
  ['', 'not_a_web_uri', null],
  ['ftp://id.example/01/09521000100015', 'not_a_web_uri', null],
  ['https://user@id.example/01/09521000100015', 'not_a_web_uri', null],
  ['https://id.example/', 'no_primary_key', null],
  ['https://id.example/02/09521000100015', 'no_primary_key', null],
  ['https://id.example/21/S1', 'no_primary_key', null],
  ['https://id.example/01', 'no_value', '01'],
  ['https://id.example/01/', 'no_value', '01'],
  [`https://id.example/01/${GTIN}/10`, 'no_value', '10'],
  [`https://id.example/01/${GTIN}/10/`, 'no_value', '10'],
  [`https://id.example/01/${GTIN}?17=`, 'no_value', '17'],
  ['https://id.example/01/09521000100016', 'check_digit', '01'],
  ['https://id.example/01/9521000100016', 'check_digit', '01'],
  ['https://id.example/01/952100010001', 'check_digit', '01'],
  ['https://id.example/01/0952100010001', 'check_digit', '01'],
  ['https://id.example/01/123', 'too_short', '01'],
  ['https://id.example/01/095210001000150', 'too_long', '01'],
  ['https://id.example/01/0952100010001X', 'bad_character', '01'],
  ['https://id.example/01/%30952100010001%', 'bad_encoding', '01'],
  [`https://id.example/01/${GTIN}/10/%E9`, 'bad_encoding', '10'],
  [`https://id.example/01/${GTIN}/10/%C3%A9`, 'bad_character', '10'],
  [`https://id.example/01/${GTIN}/10/A%20B`, 'bad_character', '10'],
  [`https://id.example/01/${GTIN}/10/${'A'.repeat(21)}`, 'too_long', '10'],
  [`https://id.example/01/${GTIN}/21/S1/10/LOT1`, 'qualifier_order', '10'],
  [`https://id.example/01/${GTIN}/10/L/22/2A`, 'qualifier_order', '22'],
  [`https://id.example/01/${GTIN}/21/S1/235/T`, 'qualifier_order', '235'],
  [`https://id.example/01/${GTIN}/10/A/10/B`, 'repeated', '10'],
  [`https://id.example/01/${GTIN}/254/x`, 'not_a_qualifier', '254'],
  [`https://id.example/01/${GTIN}/17/261231`, 'not_a_qualifier', '17'],
  [`https://id.example/414/${GLN}/254/a/7040/1ABC`, 'qualifier_order', '7040'],
  [`https://id.example/415/${GLN}`, 'missing_qualifier', '8020'],
  [`https://id.example/00/${SSCC}/10/A`, 'not_a_qualifier', '10'],
  [`https://id.example/414/${GLN.slice(0, 12)}9`, 'check_digit', '414'],
  [`https://id.example/01/${GTIN}?254=x`, 'not_an_attribute', '254'],
  [`https://id.example/01/${GTIN}?21=x`, 'not_an_attribute', '21'],
  [`https://id.example/01/${GTIN}?9999=x`, 'unknown_ai', '9999'],
  [`https://id.example/01/${GTIN}?17=261231&17=261231`, 'repeated', '17'],
  [`https://id.example/01/${GTIN}?17=261331`, 'bad_date', '17'],
  [`https://id.example/01/${GTIN}?17=260230`, 'bad_date', '17'],
  [`https://id.example/01/${GTIN}?11=230229`, 'bad_date', '11'],
  [`https://id.example/01/${GTIN}?7003=2612312460`, 'bad_time', '7003'],
  [`https://id.example/01/${GTIN}?3103=000195&3102=001950`, 'excluded', '3102'],
  [`https://id.example/01/${GTIN}?37=5`, 'excluded', '37'],
  [`https://id.example/01/${GTIN}?414=9521000000019`, 'check_digit', '414'],
  [`https://id.example/253/952100000001`, 'too_short', '253'],
  [`https://id.example/8003/1${GLN}`, 'bad_content', '8003'],
  [`https://id.example/8004/AB9521000`, 'bad_prefix', '8004'],
  [`https://id.example/8006/${GTIN}0301`, 'bad_content', '8006'],
  [`https://id.example/8006/09521000100016${'0102'}`, 'check_digit', '8006'],
  ['https://id.example/8010/9521000part', 'bad_character', '8010'],
  ['https://id.example/8010/9521000P/8011/012', 'bad_content', '8011'],
  [`https://id.example/8013/${GMN.slice(0, -1)}!`, 'check_pair', '8013'],
  ['https://id.example/8013/1987654Ad4X4bL5ttr2310cXK', 'check_pair', '8013'],
  [`https://id.example/8017/${GSRN}?8018=${GSRN}`, 'excluded', '8018'],
  [`https://id.example/415/${GLN}/8020/R?8007=DE00370400440532013000`, 'bad_content', '8007'],
];

test.each(VALID)('%s is read', (path, key, qualifiers = [], attributes = []) => {
  const parsed = parseDigitalLink(`https://id.example${path}`);
  expect(parsed).toMatchObject({ ok: true, link: { key, qualifiers, attributes, extensions: [] } });
});

test.each(INVALID)('%s is refused: %s', (uri, reason, ai) => {
  const parsed = parseDigitalLink(uri);
  expect(parsed).toEqual({ ok: false, reason, ai });
  if (!parsed.ok) expect(describeFault(parsed)).toMatch(/\w/);
});

test('scheme and host are read in any case; what precedes the key is kept, extensions pass through as they came', () => {
  const parsed = parseDigitalLink(`HTTPS://ID.Example/Shop/01/${GTIN}?linkType=gs1:pip&utm_source=a%20b&loc=shelf4#part`);
  expect(parsed).toMatchObject({
    ok: true,
    link: { stem: 'https://id.example/Shop', extensions: ['linkType=gs1:pip', 'utm_source=a%20b', 'loc=shelf4'] },
  });
});

test('short names are never written, and a short GTIN is written whole', () => {
  const parsed = parseDigitalLink('https://id.example/gtin/9521000100015/lot/A%2FB?17=261231&loc=4');
  if (!parsed.ok) throw new Error(parsed.reason);
  expect(buildDigitalLink(parsed.link)).toEqual({ ok: true, uri: `https://id.example/01/${GTIN}/10/A%2FB?17=261231&loc=4` });
});

test('what may not be read is not written either, with the same reason', () => {
  const link: Gs1Link = { stem: 'https://id.example', key: ['01', GTIN], qualifiers: [], attributes: [], extensions: [] };
  expect(buildDigitalLink({ ...link, key: ['01', '1'] })).toEqual({ ok: false, reason: 'too_short', ai: '01' });
  expect(buildDigitalLink({ ...link, stem: 'javascript:x' })).toEqual({ ok: false, reason: 'not_a_web_uri', ai: null });
  for (const extension of ['12=3', 'a=b&17=1', 'a b', '', 'a=#'])
    expect(buildDigitalLink({ ...link, extensions: [extension] })).toMatchObject({ ok: false, reason: 'bad_extension' });
});

test('all 16 primary keys and their qualifiers are in the table of identifiers', () => {
  expect(PRIMARY_KEYS.size).toBe(16);
  for (const [key, sequences] of PRIMARY_KEYS) for (const ai of [key, ...sequences.flat()]) expect(AIS.has(ai), ai).toBe(true);
  expect(isGtin('95210001') && isGtin('9521000100015') && !isGtin('9521000100016') && !isGtin('123')).toBe(true);
  expect(isGln(GLN) && !isGln('9521000000019')).toBe(true);
});

const textOf = (chars: string, minLength: number, maxLength = minLength) =>
  fc.string({ unit: fc.constantFrom(...chars), minLength, maxLength });
const digits = (length: number) => textOf('0123456789', length);
const checked = (length: number) => digits(length - 1).map(withDigit);
const CAPITALS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const SET_82 = `!"%&'()*+,-./:;<=>?_abcdefghijklmnopqrstuvwxyz${CAPITALS}`;
const set82 = (max: number) => textOf(SET_82, 1, max);
/** A value for each identifier that stands in a path. */
const VALUES: Record<string, fc.Arbitrary<string>> = {
  ...{ '00': checked(18), '01': checked(14), '402': checked(17), '414': checked(13), '415': checked(13), '417': checked(13) },
  ...{ '8017': checked(18), '8018': checked(18), '22': set82(20), '10': set82(20), '21': set82(20), '235': set82(28) },
  '253': fc.tuple(checked(13), fc.oneof(fc.constant(''), set82(17))).map((parts) => parts.join('')),
  '255': fc.tuple(checked(13), fc.oneof(fc.constant(''), digits(12))).map((parts) => parts.join('')),
  '401': fc.tuple(digits(4), set82(26)).map((parts) => parts.join('')),
  '8003': fc.tuple(checked(13), set82(16)).map(([gln, serial]) => `0${gln}${serial}`),
  '8004': fc.tuple(digits(7), set82(23)).map((parts) => parts.join('')),
  '8006': checked(14).map((gtin) => `${gtin}0203`),
  '8010': fc.tuple(digits(4), textOf(`#-/${CAPITALS}`, 1, 26)).map((parts) => parts.join('')),
  '8013': fc.tuple(digits(7), set82(16)).map((parts) => parts.join('') + checkPair(parts.join(''))),
  ...{ '254': set82(20), '8020': set82(25), '8011': fc.constantFrom('0', '7', '123456789012'), '8019': digits(10) },
  '7040': fc.tuple(digits(1), textOf(CAPITALS, 3)).map((parts) => parts.join('')),
};
const valueFor = (ai: string): fc.Arbitrary<string> => VALUES[ai] ?? fc.constant('');
const attribute = fc.oneof(
  checked(13).map((gln): Element => ['414', gln]),
  set82(90).map((text): Element => ['99', text]),
  digits(6).map((weight): Element => ['3103', weight]),
  fc.constant<Element>(['17', '261200']),
);
const linkArbitrary: fc.Arbitrary<Gs1Link> = fc
  .constantFrom(...PRIMARY_KEYS.keys())
  .chain((key) => fc.tuple(fc.constant(key), fc.constantFrom<readonly string[]>(...(PRIMARY_KEYS.get(key) ?? []), [])))
  .chain(([key, sequence]) => {
    const required = REQUIRED_QUALIFIERS.get(key);
    return fc.record({
      stem: fc.constantFrom('https://id.example', 'http://localhost:8080', 'https://shop.example/a/b'),
      key: valueFor(key).map((value): Element => [key, value]),
      qualifiers: (required ? fc.constant([required]) : fc.subarray([...sequence])).chain((ais) =>
        fc.tuple(...ais.map((ai) => valueFor(ai).map((value): Element => [ai, value]))),
      ),
      attributes: fc.uniqueArray(attribute, { selector: ([ai]) => ai, maxLength: 3 }).map((list) => list.filter(([ai]) => ai !== key)),
      extensions: fc.array(
        textOf('abcxyz_', 1, 6).chain((name) => textOf('abc=%20:', 0, 8).map((value) => `${name}=${value}`)),
        { maxLength: 3 },
      ),
    });
  });

test('what is built is read back as it was, and built again the same', () => {
  fc.assert(
    fc.property(linkArbitrary, (link) => {
      const built = buildDigitalLink(link);
      if (!built.ok) throw new Error(`${built.reason} ${built.ai}`);
      const parsed = parseDigitalLink(built.uri);
      expect(parsed).toEqual({ ok: true, link });
    }),
    { numRuns: 2_000 },
  );
});

test('a wrong digit anywhere in a numeric key is noticed', () => {
  fc.assert(
    fc.property(checked(14), fc.nat(13), fc.integer({ min: 1, max: 9 }), (gtin, at, by) => {
      const changed = gtin.slice(0, at) + ((Number(gtin[at]) + by) % 10) + gtin.slice(at + 1);
      expect(parseDigitalLink(`https://id.example/01/${changed}`)).toMatchObject({ ok: false, reason: 'check_digit' });
    }),
  );
});

test('100,000 random and mutated inputs: a link or a reason, never a throw; what is read can be written', () => {
  const seeds = [...VALID.map(([path]) => `https://id.example${path}`), ...INVALID.map(([uri]) => uri)];
  const mutated = fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(80), fc.nat(3), fc.string({ maxLength: 3, unit: 'binary' })), { maxLength: 4 }),
    )
    .map(([seed, edits]) => edits.reduce((uri, [at, drop, add]) => uri.slice(0, at) + add + uri.slice(at + drop), seed));
  let read = 0;
  fc.assert(
    fc.property(
      fc.oneof({ weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) }, { weight: 9, arbitrary: mutated }),
      (uri) => {
        const parsed = parseDigitalLink(uri);
        if (!parsed.ok) return typeof parsed.reason === 'string';
        read += 1;
        const built = buildDigitalLink(parsed.link);
        return built.ok && parseDigitalLink(built.uri).ok;
      },
    ),
    { numRuns: 100_000 },
  );
  expect(read).toBeGreaterThan(1_000);
});
