/**
 * The operator's overview: figures of the server, what relays say of it, whether mail goes out; and asking relays to crawl.
 * Source: ours; app.dunlin.admin.getOverview, getNeighbours, requestCrawl.
 */
import { button, counted, element, form } from './page.ts';
import { bytes, count, figures, moment, row, section, type Operator } from './admin-parts.ts';

interface Disk {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

interface OverviewView {
  readonly version: string;
  readonly did: string;
  readonly url: string;
  readonly startedAt: string;
  readonly accounts: Readonly<Record<'active' | 'deactivated' | 'takendown', number>>;
  readonly events: { readonly headSeq: number; readonly oldestSeq: number; readonly perMinute: number; readonly readers: readonly { address: string; connectedAt: string; cursor: number }[] };
  readonly storage: {
    readonly databaseBytes: number; readonly eventBytes: number; readonly blobs: number; readonly blobBytes: number; readonly unusedBlobs: number; readonly unusedBlobBytes: number;
    readonly dataDisk?: Disk; readonly blobDisk?: Disk;
  };
  readonly inviteCodeRequired: boolean;
  readonly relays: readonly string[];
}

interface RelayWord {
  readonly relay: string;
  readonly status?: string;
  readonly seq?: number;
  readonly accountCount?: number;
  readonly fault?: string;
}

interface MailState {
  readonly isOn: boolean;
  readonly fault?: string;
}

/** Gives the view; neighbours are asked when the figures stand already, since they may be slow. */
export async function showOverview(operator: Operator): Promise<HTMLElement[]> {
  const view = await operator.get<OverviewView>('app.dunlin.admin.getOverview');
  const { accounts, events, storage } = view;
  const neighbours = element('div', {}, 'Asking relays and mail servers …');
  void tellNeighbours(operator, events.headSeq, neighbours);
  return [
    section('server', 'Server', figures({
      Version: view.version, Address: view.url, DID: view.did, 'Up since': moment(view.startedAt), 'Sign-up': view.inviteCodeRequired ? 'with an invite code' : 'open to everybody',
    })),
    section('account-figures', 'Accounts', figures({ Active: accounts.active, Deactivated: accounts.deactivated, 'Taken down': accounts.takendown })),
    section('event-figures', 'Events', figures({ 'In the last minute': events.perMinute, 'Newest seq': events.headSeq, 'Oldest kept': events.oldestSeq, Readers: events.readers.length }),
      element('ul', {}, ...events.readers.map(({ address, connectedAt, cursor }) => row(address, `since ${moment(connectedAt)}, at seq ${count(cursor)}`)))),
    section('storage', 'Storage', figures({
      Database: bytes(storage.databaseBytes), Events: bytes(storage.eventBytes), Blobs: `${count(storage.blobs)}, ${bytes(storage.blobBytes)}`, 'Of these, named by no record': `${count(storage.unusedBlobs)}, ${bytes(storage.unusedBlobBytes)}`,
      'Free on the disk': disk(storage.dataDisk), 'Free on the disk of blobs': sameDisk(storage) ? null : disk(storage.blobDisk),
    })),
    neighbours,
  ];
}

function disk(found: Disk | undefined): string | null {
  return found === undefined ? null : `${bytes(found.freeBytes)} of ${bytes(found.totalBytes)}`;
}

function sameDisk({ dataDisk, blobDisk }: OverviewView['storage']): boolean {
  return dataDisk?.totalBytes === blobDisk?.totalBytes;
}

async function tellNeighbours(operator: Operator, headSeq: number, place: HTMLElement): Promise<void> {
  const asked = operator.get<{ relays: readonly RelayWord[]; mail: MailState; moderationMail: MailState }>('app.dunlin.admin.getNeighbours');
  const answer = await asked.catch((fault: unknown) => String(fault instanceof Error ? fault.message : fault));
  if (typeof answer === 'string') return place.replaceChildren(element('p', { class: 'fault' }, answer));
  const words = element('ul', { id: 'relays' }, ...answer.relays.map((word) => row(new URL(word.relay).host, relayText(word, headSeq))));
  place.replaceChildren(
    section('relay-part', 'Relays', answer.relays.length === 0 ? element('p', {}, 'None is set up: see PDS_CRAWLERS. Without one, nobody hears of what is written here.') : words, crawlForm(operator)),
    section('mail', 'Mail', figures({ Codes: mailText(answer.mail, 'not sent, there is no mail server: read them out at Codes'), 'Your letters': mailText(answer.moderationMail, 'not sent, there is no mail server') })),
  );
}

function relayText({ status, seq, accountCount, fault }: RelayWord, headSeq: number): string {
  if (fault !== undefined) return fault;
  const behind = seq === undefined ? '' : seq >= headSeq ? ', has read everything' : `, ${count(headSeq - seq)} seqs behind`;
  return `${status ?? 'says nothing of us'}${behind}${accountCount === undefined ? '' : `, knows ${counted(accountCount, 'account')}`}`;
}

function mailText({ isOn, fault }: MailState, off: string): string {
  if (!isOn) return off;
  return fault === undefined ? 'the mail server lets us in' : `the mail server says: ${fault}`;
}

function crawlForm(operator: Operator): HTMLElement {
  const answer = element('ul', { id: 'crawl-answers' });
  const ask = async (relays: readonly string[]): Promise<void> => {
    const { relays: words } = await operator.post<{ relays: readonly RelayWord[] }>('app.dunlin.admin.requestCrawl', relays.length === 0 ? {} : { relays });
    answer.replaceChildren(...words.map(({ relay, fault }) => row(new URL(relay).host, fault ?? 'took the request')));
  };
  return element('div', {},
    button('Ask them to read this server', { id: 'request-crawl', class: 'quiet' }, () => ask([])),
    form({ id: 'crawl-other' }, ({ relay }) => ask([relay]), element('label', {}, 'Or another relay', element('input', { name: 'relay', type: 'url', placeholder: 'https://relay.example.org', required: true })), element('button', { class: 'quiet' }, 'Ask it')),
    answer);
}
