/**
 * What a program called itself (User-Agent), as people name it: "Firefox on Linux" for a browser, its first words for anything else.
 * A browser says what it likes, so this is a help to know one's own sessions, not a proof.
 * Source: ours; RFC 9110, section 10.1.5.
 */

/** Browsers by their mark, those first whose text has the marks of others too. */
const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'], [/\bOPR\//, 'Opera'], [/\bSamsungBrowser\//, 'Samsung Internet'], [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:HeadlessChrome|Chrome|CriOS)\//, 'Chrome'], [/\bSafari\//, 'Safari'],
];

const systems: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'an iPhone'], [/\biPad\b/, 'an iPad'], [/\bAndroid\b/, 'Android'], [/\bWindows\b/, 'Windows'], [/\bMac OS X\b/, 'a Mac'], [/\bCrOS\b/, 'ChromeOS'], [/\bLinux\b/, 'Linux'],
];

const maxSigns = 60;

/** Gives the name; "an unnamed program" where nothing was said. */
export function programName(agent: string | undefined): string {
  const said = agent?.trim() ?? '';
  if (said === '') return 'an unnamed program';
  const nameOf = (names: typeof browsers): string | undefined => names.find(([mark]) => mark.test(said))?.[1];
  const browser = said.startsWith('Mozilla/') ? nameOf(browsers) : undefined;
  if (browser === undefined) return said.length > maxSigns ? `${said.slice(0, maxSigns)}…` : said;
  const system = nameOf(systems);
  return system === undefined ? browser : `${browser} on ${system}`;
}
