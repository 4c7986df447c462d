/** What GS1's application identifiers (AIs) may hold: their formats, and what each primary key of a Digital Link may be followed by. */

/** One part of a value: its characters (N digits, X GS1's 82, Y its 39, Z base64url), its length, and what else must hold. */
export interface Part {
  chars: 'N' | 'X' | 'Y' | 'Z';
  min: number;
  max: number;
  optional: boolean;
  rules: readonly string[];
}

export interface Ai {
  ai: string;
  parts: readonly Part[];
  /** It may stand in the query. */
  attribute: boolean;
}

/** The 16 primary keys, each with the sequences of qualifiers of which some, in order, may follow it. */
export const PRIMARY_KEYS: ReadonlyMap<string, readonly (readonly string[])[]> = new Map([
  ['00', []],
  ['01', [['22', '10', '21'], ['235']]],
  ['253', []],
  ['255', []],
  ['401', []],
  ['402', []],
  ['414', [['254'], ['7040']]],
  ['415', [['8020']]],
  ['417', [['7040']]],
  ['8003', []],
  ['8004', [['7040']]],
  ['8006', [['22', '10', '21']]],
  ['8010', [['8011']]],
  ['8013', []],
  ['8017', [['8019']]],
  ['8018', [['8019']]],
]);

/** A payment slip is nothing without its reference. */
export const REQUIRED_QUALIFIERS: ReadonlyMap<string, string> = new Map([['415', '8020']]);

/** Attributes that contradict a primary key. */
export const EXCLUDED: ReadonlyMap<string, readonly string[]> = new Map([
  ['01', ['02', '255', '37', '8006']],
  ['255', ['01', '02', '415', '8006', '8026']],
  ['8006', ['01', '02', '37', '8026']],
  ['8017', ['8018']],
  ['8018', ['8017']],
]);

/** Names that older links use in the path. They are read, and never written. */
export const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ...Object.entries({ sscc: '00', gtin: '01', gdti: '253', gcn: '255', ginc: '401', gsin: '402', gln: '414', payto: '415', party: '417' }),
  ...Object.entries({ grai: '8003', giai: '8004', itip: '8006', cpid: '8010', gmn: '8013', gsrnp: '8017', gsrn: '8018' }),
  ...Object.entries({ cpv: '22', lot: '10', ser: '21', tpx: '235', glnx: '254', uic: '7040', cpsn: '8011', srin: '8019', refno: '8020' }),
]);

/** Format, then the AIs that have it; `3100-3105` is a range. A `!` marks those that may not stand in the query. */
const FORMATS: readonly [format: string, ais: string][] = [
  ['N18:check', '00 8017 8018'],
  ['N14:check', '01 02'],
  ['N17:check', '402'],
  ['N13:check', '410-417'],
  ['N13:check [X..17]', '253'],
  ['N13:check [N..12]', '255'],
  ['N1:zero N13:check [X..16]', '8003'],
  ['N14:check N4:pieces', '8006 8026'],
  ['X..30:prefix', '401 7023 8004'],
  ['Y..30:prefix', '8010'],
  ['X..25:pair,prefix', '8013'],
  ['X..20', '10 !21 !22 243 !254 420 7020-7022 710-716 7240 8002 8012 4318'],
  ['X..28', '!235'],
  ['X..25:pair,prefix,nondigit', '!8014'],
  ['X..25', '!8020 7242'],
  ['N1 X1 X1 X1:importer', '!7040'],
  ['N..12:nozero', '!8011'],
  ['N..10', '!8019'],
  ['X..30', '240 241 250 251 400 403 4308 4319 7002 90'],
  ['N..6', '242'],
  ['N2', '20'],
  ['N6:date0', '11-13 15-17'],
  ['N6:date', '4326 7006'],
  ['N..8', '30 37'],
  ['N6', '3100-3105 3110-3115 3120-3125 3130-3135 3140-3145 3150-3155 3160-3165 3200-3205 3210-3215 3220-3225 3230-3235 3240-3245'],
  ['N6', '3250-3255 3260-3265 3270-3275 3280-3285 3290-3295 3300-3305 3310-3315 3320-3325 3330-3335 3340-3345 3350-3355 3360-3365'],
  ['N6', '3370-3375 3400-3405 3410-3415 3420-3425 3430-3435 3440-3445 3450-3455 3460-3465 3470-3475 3480-3485 3490-3495 3500-3505'],
  ['N6', '3510-3515 3520-3525 3530-3535 3540-3545 3550-3555 3560-3565 3570-3575 3600-3605 3610-3615 3620-3625 3630-3635 3640-3645'],
  ['N6', '3650-3655 3660-3665 3670-3675 3680-3685 3690-3695 3950-3955 8005'],
  ['N..15', '3900-3909 3920-3929'],
  ['N3 N..15', '3910-3919 3930-3939'],
  ['N4', '3940-3943 8111'],
  ['N3 X..9', '421'],
  ['N3', '422 424 426'],
  ['N3 [N3] [N3] [N3] [N3]', '423 425'],
  ['X..3', '427 7008'],
  ['X..35:encoded', '4300 4301 4310 4311 4320'],
  ['X..70:encoded', '4302-4306 4312-4316 7257'],
  ['X2:country', '4307 4317'],
  ['N10:latitude N10:longitude', '4309'],
  ['N1:yesno', '4321-4323'],
  ['N6:date0 N4:time', '4324 4325'],
  ['N6 [X1:minus]', '4330-4333'],
  ['N13', '7001'],
  ['N6:date N4:time', '7003'],
  ['N..4', '7004'],
  ['X..12', '7005'],
  ['N6:date [N6:date]', '7007'],
  ['X..10', '7009 7255'],
  ['X..2', '7010'],
  ['N6:date [N4:time]', '7011'],
  ['N3 X..27', '7030-7039'],
  ['X2 X..28', '7230-7239'],
  ['N2', '7241'],
  ['N8:day', '7250'],
  ['N8:day N4:time', '7251'],
  ['N1:sex', '7252'],
  ['X..40:encoded', '7253 7254 7259'],
  ['X..90:encoded', '7256'],
  ['X3:sequence', '7258'],
  ['N4:nonzero N5:nonzero N3:nonzero N1:winding N1', '8001'],
  ['X..34:iban', '8007'],
  ['N6:date N2:hour [N2:minute] [N2:minute]', '8008'],
  ['X..50', '8009'],
  ['Z..90', '8030'],
  ['X..70', '8110 8112 !8200'],
  ['X..90', '91-99'],
];

export const AIS: ReadonlyMap<string, Ai> = new Map(
  FORMATS.flatMap(([format, ais]) => {
    const parts = format.split(' ').map(partOf);
    return ais.split(' ').flatMap((entry) => {
      const [from = '', to = from] = entry.replace('!', '').split('-');
      const last = Number(to) - Number(from);
      return Array.from({ length: last + 1 }, (_, n): [string, Ai] => {
        const ai = String(Number(from) + n).padStart(from.length, '0');
        return [ai, { ai, parts, attribute: !entry.includes('!') }];
      });
    });
  }),
);

function partOf(text: string): Part {
  const [, optional, chars, upTo, length, rules] = /^(\[)?([NXYZ])(\.\.)?(\d+)(?::([\w,]+))?\]?$/.exec(text) ?? [];
  const max = Number(length);
  return { chars: chars as Part['chars'], min: upTo ? 1 : max, max, optional: optional !== undefined, rules: rules?.split(',') ?? [] };
}
