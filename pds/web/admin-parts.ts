/**
 * Small parts that the operator's pages share: how they ask, sections, figures, rows that lead on, pages of a list.
 * Not for the parts of people's own pages. Source: ours.
 */
import { button, element } from './page.ts';

/** Asks methods of the server with the operator's password. */
export interface Operator {
  get<T>(nsid: string, params?: Readonly<Record<string, string | number | undefined>>): Promise<T>;
  post<T>(nsid: string, input: object): Promise<T>;
}

/** Makes what is under one heading. */
export function section(id: string, title: string, ...children: readonly (Node | string | null)[]): HTMLElement {
  return element('section', { id }, element('h2', {}, title), ...children);
}

/** Makes figures: names and what they stand at; what is null is left out. */
export function figures(entries: Readonly<Record<string, Node | string | number | null>>): HTMLElement {
  const shown = Object.entries(entries).filter((entry): entry is [string, Node | string | number] => entry[1] !== null);
  return element('dl', {}, ...shown.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, typeof value === 'number' ? count(value) : value))));
}

/** A row: something with a small note, and what can be done about it. */
export function row(main: Node | string, note: string, ...acts: readonly Node[]): HTMLLIElement {
  return element('li', {}, element('span', {}, main, ' ', element('small', {}, note)), element('span', { class: 'acts' }, ...acts));
}

/** A link to an account's own view. */
export function accountLink(did: string, text: string): HTMLAnchorElement {
  return element('a', { href: `#account/${encodeURIComponent(did)}` }, text);
}

/** A list that is read page by page; `read` gives rows and the place of the next page. */
export async function pagedList(attributes: { id: string; empty: string }, read: (cursor: string | undefined) => Promise<{ rows: readonly Node[]; cursor?: string }>): Promise<HTMLElement> {
  const list = element('ul', { id: attributes.id });
  const more = element('p');
  const add = async (cursor: string | undefined): Promise<void> => {
    const page = await read(cursor);
    list.append(...page.rows);
    const next = page.cursor;
    more.replaceChildren(...(next === undefined ? [] : [button('More', { class: 'quiet' }, () => add(next))]));
  };
  await add(undefined);
  if (list.children.length === 0 && more.children.length === 0) more.append(attributes.empty);
  return element('div', {}, list, more);
}

/** Writes a number as people do. */
export function count(value: number): string {
  return value.toLocaleString();
}

/** Writes bytes as people do. */
export function bytes(value: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, value < 1 ? 0 : Math.floor(Math.log10(value) / 3));
  return `${(value / 1_000 ** power).toLocaleString(undefined, { maximumFractionDigits: power === 0 ? 0 : 1 })} ${units[power]}`;
}

/** Writes a moment as people do. */
export function moment(iso: string): string {
  return new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

/** Says what an account's state means. */
export function stateText(state: string): string {
  return ({ active: 'active', deactivated: 'deactivated', takendown: 'taken down' } as Record<string, string>)[state] ?? state;
}
