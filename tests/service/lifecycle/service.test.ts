/** Tests of what a server owns: closed last first, all of it, once. */
import { describe, expect, test } from '@jest/globals';
import { Lifecycle } from '@dunlin/service/lifecycle/service';

describe('a lifecycle', () => {
  test('closes its parts one after another, last first', async () => {
    const lifecycle = new Lifecycle();
    const events: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      lifecycle.own(name, async () => {
        events.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        events.push(`${name} ends`);
      });
    }
    await lifecycle.close();
    expect(events).toEqual(['c begins', 'c ends', 'b begins', 'b ends', 'a begins', 'a ends']);
  });

  test('aborts its signal first, and closes the rest when one part fails', async () => {
    const lifecycle = new Lifecycle();
    const closed: string[] = [];
    lifecycle.own('a', () => void closed.push(`a, aborted=${lifecycle.signal.aborted}`));
    lifecycle.own('b', () => { throw new Error('will not close'); });
    expect(lifecycle.signal.aborted).toBe(false);
    await lifecycle.close();
    expect(closed).toEqual(['a, aborted=true']);
  });

  test('closes once, and at once what comes late', async () => {
    const lifecycle = new Lifecycle();
    let count = 0;
    lifecycle.own('a', () => void count++);
    await Promise.all([lifecycle.close(), lifecycle.close()]);
    expect(count).toBe(1);
    lifecycle.own('late', () => void count++);
    expect(count).toBe(2);
  });
});
