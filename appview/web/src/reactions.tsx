/**
 * The reactions to the post: buttons by value with their counts, a line for each source, and who it was.
 * Not for sending: the page hands in what a press does.
 * Source: ours.
 */
import { Avatar, Name } from './person.tsx';
import { emojiKey } from '../../src/reactions/emoji-key.ts';
import type { LiveState } from './state.ts';
import type { Reaction } from './wire.ts';

/** Offered even when nobody has used them. */
const offered = ['❤️', '👏', '🎉', '🔥', '👀', '🐦'];

export const dunlinSource = 'app.dunlin.live.reaction';
export const likeSource = 'app.bsky.feed.like';
const sourceNames: Readonly<Record<string, string>> = { [dunlinSource]: 'Dunlin reactions', [likeSource]: 'Bluesky likes' };

interface Props {
  readonly state: LiveState;
  readonly mine: readonly Reaction[];
  readonly pending: ReadonlySet<string>;
  readonly canReact: boolean;
  readonly onToggle: (value: string, own: Reaction | undefined) => void;
  readonly onLike: (own: Reaction | undefined) => void;
}

/** The whole block under the post. */
export function Reactions({ state, mine, pending, canReact, onToggle, onLike }: Props) {
  const counts = state.counts;
  const values = [...offered, ...(counts?.values ?? []).map(({ value }) => value).filter((value) => !offered.includes(value))];
  const liked = mine.find(({ collection }) => collection === likeSource);
  return (
    <section class="reactions" aria-labelledby="reactions-title">
      <h2 id="reactions-title" class="visually-hidden">Reactions</h2>
      <div class="values" role="group" aria-label="React">
        {values.map((value) => {
          const key = emojiKey(value) ?? value;
          const people = counts?.values.find((each) => each.key === key)?.people ?? 0;
          const own = mine.find((each) => each.collection === dunlinSource && each.key === key);
          return (
            <button key={key} type="button" class="value" aria-pressed={own !== undefined} disabled={!canReact} data-testid={`reaction-${value}`}
              data-busy={pending.has(value)} aria-label={`${value}, ${people} ${people === 1 ? 'person' : 'people'}${own ? ', yours' : ''}`} onClick={() => onToggle(value, own)}>
              <span class="emoji" aria-hidden="true">{value}</span>
              <span class="count" key={people} data-testid={`count-${value}`}>{people}</span>
            </button>
          );
        })}
        <button type="button" class="value like" aria-pressed={liked !== undefined} disabled={!canReact} data-testid="like-button" data-busy={pending.has(likeSource)} onClick={() => onLike(liked)}>
          {liked ? 'Liked as on Bluesky' : 'Like as on Bluesky'}
        </button>
      </div>
      <Totals state={state} />
      <People state={state} />
    </section>
  );
}

function Totals({ state }: { state: LiveState }) {
  const { counts } = state;
  const bySource = new Map<string, { value: string; people: number }[]>([[dunlinSource, []], [likeSource, []]]);
  for (const { collection, value, people } of counts?.totals ?? []) bySource.set(collection, [...(bySource.get(collection) ?? []), { value, people }]);
  return (
    <div class="totals">
      <p class="merged" aria-live="polite"><strong data-testid="people-total">{counts?.people ?? 0}</strong> {counts?.people === 1 ? 'person' : 'people'} reacted, each counted once across apps</p>
      <dl>
        {[...bySource].map(([collection, lines]) => (
          <div key={collection} data-testid={`source-${collection}`}>
            <dt>{sourceNames[collection] ?? collection} <code>{collection}</code></dt>
            <dd>{lines.length === 0 ? <span class="none">none yet</span> : lines.map(({ value, people }) => <span class="line" key={value}>{value} {people}</span>)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function People({ state }: { state: LiveState }) {
  const people = new Map<string, string[]>();
  for (const { author, value } of state.reactions) {
    const given = people.get(author.did) ?? [];
    if (!given.includes(value)) people.set(author.did, [...given, value]);
  }
  if (people.size === 0) return <p class="none" data-testid="person-list">Nobody yet. Press one of the buttons: the record is written at your server, and the count comes back through the relay.</p>;
  return (
    <ul class="people" aria-label="Who reacted" data-testid="person-list">
      {[...people].map(([did, values]) => (
        <li key={did} data-testid={`person-${state.names.get(did) ?? did}`}>
          <Avatar did={did} name={state.names.get(did)} />
          <Name did={did} name={state.names.get(did)} />
          <span class="given">{values.join(' ')}</span>
        </li>
      ))}
    </ul>
  );
}
