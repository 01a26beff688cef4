/**
 * Small parts of our pages: elements, forms, notes, and questions to this server.
 * No library: the pages have a dozen elements. Text is always set as text, never as HTML.
 * Source: ours.
 */

/** What an answer that is no success says. */
export class AnswerError extends Error {
  readonly error: string;

  constructor(error: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.error = error;
  }
}

/** What an element may hold; null is left out. */
export type Child = Node | string | null;
type Attributes = Readonly<Record<string, string | boolean | ((event: Event) => unknown)>>;

/** Makes an element; functions among the attributes listen, false leaves an attribute out. */
export function element<K extends keyof HTMLElementTagNameMap>(name: K, attributes: Attributes = {}, ...children: readonly Child[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(key, value);
    else if (value !== false) made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Shows the page's contents in the place of those before. */
export function show(...children: readonly Child[]): void {
  const page = document.getElementById('page');
  page?.replaceChildren(...children.filter((child) => child !== null));
  page?.querySelector<HTMLElement>('[autofocus]')?.focus();
}

/** A labelled text field. */
export function field(label: string, attributes: Attributes): HTMLLabelElement {
  return element('label', {}, label, element('input', { required: true, ...attributes }));
}

/** A form that runs `submit` with its fields and shows what goes wrong under itself. */
export function form(attributes: Attributes, submit: (values: Readonly<Record<string, string>>) => Promise<void>, ...children: readonly Child[]): HTMLFormElement {
  const note = element('p', { role: 'alert', class: 'fault' });
  const made = element('form', {
    ...attributes,
    submit: async (event) => {
      event.preventDefault();
      note.textContent = '';
      made.inert = true;
      const values = Object.fromEntries([...new FormData(made)].filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
      await submit(values).catch((fault: unknown) => (note.textContent = sentence(fault)));
      made.inert = false;
    },
  }, ...children, note);
  return made;
}

/** A button that runs `press` and shows what goes wrong beside itself. */
export function button(label: string, attributes: Attributes, press: () => Promise<void>): HTMLSpanElement {
  const note = element('span', { role: 'alert', class: 'fault' });
  const made = element('button', {
    type: 'button',
    ...attributes,
    click: async () => {
      note.textContent = '';
      made.disabled = true;
      await press().catch((fault: unknown) => (note.textContent = sentence(fault)));
      made.disabled = false;
    },
  }, label);
  return element('span', {}, made, note);
}

/** A button whose act cannot be taken back: pressed, it asks first, in its own place. `sure` is what agrees. */
export function askedButton(label: string, { sure, ...attributes }: Attributes & { readonly sure: string }, press: () => Promise<void>): HTMLSpanElement {
  const place = element('span', { class: 'asked' });
  const ask = button(label, { class: 'quiet', ...attributes }, async () => {
    place.replaceChildren(button(sure, { class: 'grave' }, press), ' ', button('No, keep it', { class: 'quiet' }, async () => {
      place.replaceChildren(ask);
      ask.querySelector('button')?.focus();
    }));
    place.querySelector('button')?.focus();
  });
  place.append(ask);
  return place;
}

/** Gives a count with its word, such as "1 file" and "1,200 files". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}

/** What is said when a server was asked to mail a code; whether it has a mail server nobody is told. */
export function codeMailed(host: string): string {
  return `A code was sent to the e-mail address of your account; it is good for fifteen minutes. If no letter comes, look among the spam, then ask whoever runs ${host}: they can read the code out.`;
}

/** What is said of faults whose own words are for programs, by what those say. */
const plainWords: readonly (readonly [RegExp, string])[] = [
  [/\bToken is invalid$/, 'This code does not hold: look whether it is typed right and is the newest'],
  [/\bToken is expired$/, 'This code is too old: get a new one'],
  [/^Invalid identifier or password$/, 'Name or password is wrong'],
  [/^Provided invite code not available$/, 'This invite code does not hold: it is mistyped, used up or taken back'],
  [/must be a valid handle$/, 'This cannot be a name: it has letters, digits and hyphens, and dots only where a domain has them'],
  [/^Unable to resolve handle$/, 'Nobody is found under this name: look whether it is spelled right and whole, such as ann.example.com'],
  [/Invalid AT identifier/, 'This is no handle: it looks like ann.example.com'],
  [/^Rate Limit Exceeded$/, 'Too many tries: wait a few minutes, then try again'],
];

/** Gives what to say about a fault. */
export function sentence(fault: unknown): string {
  if (!(fault instanceof Error)) return 'Something went wrong';
  if (fault.name === 'NotAllowedError') return 'The passkey was not shown';
  const [, who = '', said = ''] = /^(The old server said no: )?(.*)$/s.exec(fault.message) ?? [];
  const words = plainWords.find(([pattern]) => pattern.test(said))?.[1] ?? said;
  return who === '' ? words.charAt(0).toUpperCase() + words.slice(1) : who + words.charAt(0).toLowerCase() + words.slice(1);
}

/** Asks this server, or with a whole address another, and gives its JSON; a Blob is sent as it is; `basic` is user and password. Then nothing else goes along, so that the browser asks for no password of its own. @throws AnswerError */
export async function ask(path: string, o: { body?: unknown; token?: string; basic?: string } = {}): Promise<unknown> {
  const { body } = o;
  const response = await fetch(path, {
    method: 'body' in o ? 'POST' : 'GET',
    credentials: o.basic === undefined ? 'same-origin' : 'omit',
    headers: { ...(body !== undefined && { 'content-type': body instanceof Blob ? body.type : 'application/json' }), ...(o.token !== undefined && { authorization: `Bearer ${o.token}` }), ...(o.basic !== undefined && { authorization: basicOf(o.basic) }) },
    ...(body !== undefined && { body: body instanceof Blob ? body : JSON.stringify(body) }),
  }).catch((fault: unknown) => {
    throw new AnswerError('Unreachable', `${path.startsWith('/') ? 'this server' : new URL(path).host} cannot be reached from this browser`, { cause: fault });
  });
  const answer = readJson(await response.text());
  if (response.ok) return answer;
  const { error = 'Unknown', message = `status ${response.status}` } = answer as { error?: string; message?: string };
  throw new AnswerError(error, message);
}

/** What is no JSON, such as the page of a proxy in front, says nothing. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function basicOf(pair: string): string {
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(pair)))}`;
}
