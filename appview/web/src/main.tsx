/**
 * Starts the page: asks whether this service shows a demo, then draws.
 * Source: ours.
 */
import { render } from 'preact';
import { App } from './app.tsx';
import { loadDemo } from './queries.ts';

const root = document.getElementById('app');
if (root !== null) {
  const demo = await loadDemo().catch(() => null);
  root.replaceChildren();
  render(<App demo={demo} />, root);
}
