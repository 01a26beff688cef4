/**
 * Runs first on the provider's sign-in pages: when the password was right and a second factor is owed, it leads to our page for it.
 * The provider's own field takes mailed codes only. Links to a passkey alone and to our sign-up are followed in the same window, with
 * the way back.
 * It looks at one answer of one path and at clicks on one link, and touches nothing else of the page.
 * Source: ours; error name of @atproto/oauth-provider.
 */
const ownPages = ['/account/passkey-sign-in', '/account/sign-up'];
const ask = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const response = await ask(input, init);
  const path = new URL(input instanceof Request ? input.url : input, location.href).pathname;
  if (response.status !== 401 || !path.endsWith('/~api/sign-in')) return response;
  const answer: unknown = await response.clone().json().catch(() => null);
  const isOwed = typeof answer === 'object' && answer !== null && 'error' in answer && answer.error === 'second_authentication_factor_required';
  if (!isOwed) return response;
  location.assign(`/account/second-step?from=${encodeURIComponent(location.pathname + location.search)}`);
  // The page is left: its question stays open rather than flash an error.
  return new Promise<Response>(() => undefined);
};

addEventListener('click', (event) => {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (link === null || link.origin !== location.origin || !ownPages.includes(link.pathname)) return;
  event.preventDefault();
  location.assign(`${link.pathname}?from=${encodeURIComponent(location.pathname + location.search)}`);
}, { capture: true });
