/**
 * The page: a post and its reactions on one side, a room on the other, and which demo user one is.
 * Every press goes the whole way: record at the user's own server, relay, index, gateway, and back here.
 * Source: ours.
 */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Pds } from './pds.ts';
import { Avatar, Name } from './person.tsx';
import { loadPost, type Post } from './queries.ts';
import { Reactions } from './reactions.tsx';
import { Room } from './room.tsx';
import { useLive } from './use-live.ts';
import { tripText, useReacting } from './use-reacting.ts';
import { useSending } from './use-sending.ts';
import type { Demo, DemoUser } from './wire.ts';

const connectionText = { connecting: 'Connecting…', live: 'Live', waiting: 'Connection lost, coming back…', stopped: 'Stopped' } as const;

/** Everything. `demo` null: a page for readers, with the subject and room of the address. */
export function App({ demo }: { demo: Demo | null }) {
  const query = new URLSearchParams(location.search);
  const subject = demo?.subject ?? query.get('subject');
  const room = demo?.room ?? query.get('room');
  const users = useMemo(() => (demo?.users ?? []).map((user) => new Pds(user)), [demo]);
  const [chosen, setChosen] = useState(() => Math.max(0, users.findIndex(({ user }) => user.handle === query.get('as'))));
  const me = users[chosen] ?? null;
  const live = useLive({ pds: me, subject, room });
  const [fault, setFault] = useState<string | null>(null);
  const { toggle, like, pending, trip } = useReacting({ me, subject, live, demo, onFault: setFault });
  const choose = (index: number): void => {
    setChosen(index);
    setFault(null);
  };
  const { outgoing, send } = useSending({ me, room, live });
  return (
    <>
      <header class="top">
        <h1><img src="/bird.svg" alt="" width="28" height="28" /> Dunlin</h1>
        <p class="connection" role="status" data-state={live.connection.state} data-testid="connection-state"><span class="dot" aria-hidden="true" />{connectionText[live.connection.state]}{live.connection.detail ? ` (${live.connection.detail})` : ''}</p>
      </header>
      {users.length > 0 && <WhoAmI users={users.map(({ user }) => user)} chosen={chosen} onChoose={choose} />}
      <main>
        <article class="card post" data-testid="post">
          <PostText demo={demo} subject={subject} />
          {subject !== null && <Reactions state={live.state} mine={live.mine} pending={pending} canReact={me !== null} onToggle={toggle} onLike={like} />}
          <p class="trip" role="status" data-fault={fault !== null} data-testid="roundtrip">{fault ?? tripText(trip)}</p>
        </article>
        {room !== null && <Room state={live.state} me={me?.user.did ?? null} outgoing={outgoing} isLive={live.connection.state === 'live'} onSend={send} />}
      </main>
      <footer>{servers(users)}Nothing on this page is written here: it reads <code>app.dunlin.live.getReactions</code> and listens to <code>app.dunlin.live.subscribe</code>.</footer>
    </>
  );
}

/** Says what stands behind the demo; a page for readers knows only itself. */
function servers(users: readonly Pds[]): string {
  const count = new Set(users.map(({ user }) => user.pds)).size;
  return count === 0 ? '' : `${count === 1 ? 'One server' : `${count} servers`}, one relay, one index. `;
}

function WhoAmI({ users, chosen, onChoose }: { users: readonly DemoUser[]; chosen: number; onChoose: (index: number) => void }) {
  const servers = [...new Set(users.map(({ pds }) => pds))];
  const other = users.find(({ pds }) => pds !== users[chosen]?.pds);
  return (
    <fieldset class="who">
      <legend>You are</legend>
      {servers.map((pds) => (
        <div class="server-group" key={pds}>
          <p>{new URL(pds).host}</p>
          {users.map((user, index) => user.pds === pds && (
            <label key={user.did} data-testid={`user-${user.handle}`}>
              <input type="radio" name="who" checked={index === chosen} onChange={() => onChoose(index)} />
              <Avatar did={user.did} name={user.handle} /><Name did={user.did} name={user.handle} />
            </label>
          ))}
        </div>
      ))}
      {other && <a class="second" href={`?as=${other.handle}`} target="_blank" rel="noopener" data-testid="second-window">Second window as {other.handle}</a>}
    </fieldset>
  );
}

function PostText({ demo, subject }: { demo: Demo | null; subject: string | null }) {
  const [post, setPost] = useState<Post | null>(null);
  useEffect(() => {
    if (demo) void loadPost(demo).then(setPost, () => undefined);
  }, [demo]);
  if (subject === null) return <p class="none">Add <code>?subject=</code> and the address of a record or a page to watch its reactions.</p>;
  const author = demo?.users.find(({ did }) => subject.startsWith(`at://${did}/`));
  return (
    <header>
      {author && <p class="by"><Avatar did={author.did} name={author.handle} /><Name did={author.did} name={author.handle} /></p>}
      {post ? <p class="post-text" data-testid="post-text">{post.text}</p> : <p class="post-text address">{subject}</p>}
    </header>
  );
}
