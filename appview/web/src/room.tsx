/**
 * The room: who is here, what is said, and a line to say something.
 * Not for sending: the page hands in what a sent text does.
 * Source: ours.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import { Avatar, Name } from './person.tsx';
import type { LiveState } from './state.ts';

/** A text on its way: written here, not yet heard back. */
export interface Outgoing {
  readonly id: number;
  /** DID of who said it. */
  readonly author: string;
  readonly text: string;
  /** Known once the server has written it. */
  readonly uri: string | null;
  readonly error: string | null;
}

interface Props {
  readonly state: LiveState;
  readonly me: string | null;
  readonly outgoing: readonly Outgoing[];
  readonly isLive: boolean;
  /** Sends a text; with the id of a failed one, in its place. */
  readonly onSend: (text: string, again?: number) => void;
}

const maxCharacters = 1_000;
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

/** The whole room. */
export function Room({ state, me, outgoing, isLive, onSend }: Props) {
  const { room, names } = state;
  const log = useRef<HTMLDivElement>(null);
  const last = `${room.messages.at(-1)?.uri}${outgoing.length}`;
  useEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [last]);
  return (
    <section class="card room" aria-labelledby="room-title" data-testid="room">
      <header>
        <h2 id="room-title">{room.info?.record.name ?? 'Room'}</h2>
        <p class="online" data-live={isLive}><span class="dot" aria-hidden="true" />{isLive ? <><span data-testid="room-online">{room.online}</span> here</> : 'not connected'}</p>
      </header>
      <ul class="present" aria-label="Who is here" data-testid="presence-list">
        {room.present.map((did) => (
          <li key={did} data-testid={`present-${names.get(did) ?? did}`}><Avatar did={did} name={names.get(did)} /><Name did={did} name={names.get(did)} /></li>
        ))}
      </ul>
      <div class="messages" role="log" aria-label="Messages" aria-live="polite" tabIndex={0} ref={log} data-testid="message-list"><ol>
        {room.messages.length === 0 && outgoing.length === 0 && <li class="none">{room.closed ?? 'Nothing has been said yet.'}</li>}
        {room.messages.map(({ uri, author, record }) => (
          <li key={uri} class={author.did === me ? 'message mine' : 'message'} data-testid="message">
            <Avatar did={author.did} name={names.get(author.did)} />
            <div>
              <p class="by"><Name did={author.did} name={names.get(author.did)} /> <time dateTime={record.createdAt}>{clock.format(new Date(record.createdAt))}</time></p>
              <p class="text">{record.text}</p>
            </div>
          </li>
        ))}
        {outgoing.map(({ id, text, error }) => (
          <li key={`out-${id}`} class={error === null ? 'message outgoing' : 'message outgoing failed'} data-testid="outgoing">
            <p class="text">{text}</p>
            <p class="by">{error === null ? 'on its way…' : <>not sent: {error} <button type="button" class="again" onClick={() => onSend(text, id)}>Send again</button></>}</p>
          </li>
        ))}
      </ol></div>
      <Composer canWrite={room.canWrite} isLive={isLive} onSend={onSend} />
    </section>
  );
}

function Composer({ canWrite, isLive, onSend }: { canWrite: boolean; isLive: boolean; onSend: (text: string) => void }) {
  const [text, setText] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    if (text.trim() === '') return;
    onSend(text.trim());
    setText('');
  };
  return (
    <form class="composer" onSubmit={submit}>
      <label class="visually-hidden" for="message">Say something</label>
      <input id="message" autocomplete="off" maxLength={maxCharacters} placeholder={canWrite ? 'Say something' : isLive ? 'Reading only' : 'Not connected'} disabled={!canWrite} value={text} data-testid="message-input" onInput={(event) => setText(event.currentTarget.value)} />
      <button type="submit" disabled={!canWrite || text.trim() === ''} data-testid="message-send">Send</button>
    </form>
  );
}
