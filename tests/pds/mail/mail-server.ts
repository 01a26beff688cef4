/**
 * A real SMTP server on a free port that keeps what it is given, and can be told to refuse.
 * Not for: the network's own mail. Source: ours; the server is `smtp-server`, the reading `mailparser`.
 * What is kept is parsed when it has arrived whole, so a test may look as soon as its call was answered.
 */
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import type { AddressInfo } from 'node:net';

export interface ReceivedMail {
  to: string;
  from: string;
  subject: string;
  text: string;
  html: string;
}

export interface MailServer {
  url: string;
  mails: ReceivedMail[];
  /** While set, every mail is refused with this sentence. */
  refusal: string | null;
  /** The code of the newest mail to an address. */
  codeFor(address: string): string;
  close(): Promise<void>;
}

export async function startMailServer(): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onAuth: ({ username, password }, _session, done) => done(username === 'pds' && password === 'secret' ? null : new Error('no'), { user: username }),
    onRcptTo: (_address, _session, done) => done(state.refusal === null ? null : Object.assign(new Error(state.refusal), { responseCode: 550 })),
    async onData(stream, session, done) {
      const mail = await simpleParser(stream);
      const [receiver] = session.envelope.rcptTo;
      mails.push({ to: receiver!.address, from: mail.from!.text, subject: mail.subject ?? '', text: mail.text ?? '', html: mail.html || '' });
      done();
    },
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const state: MailServer = {
    url: `smtp://pds:secret@127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    mails,
    refusal: null,
    codeFor(address) {
      const code = /\b[A-Z2-7]{5}-[A-Z2-7]{5}\b/.exec(mails.findLast(({ to }) => to === address)?.text ?? '')?.[0];
      if (code === undefined) throw new Error(`no mail with a code arrived for ${address}`);
      return code;
    },
    close: () => new Promise((resolve) => void server.close(resolve)),
  };
  return state;
}
