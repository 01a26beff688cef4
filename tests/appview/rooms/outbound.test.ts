/** What goes out to one client: at once and in order, newest-wins by slot while it is slow, cut when far behind. */
import { beforeEach, expect, test } from '@jest/globals';
import { Frame } from '@dunlin/appview/rooms/frame';
import { maxWaitingBytes, Outbound, slowBytes } from '@dunlin/appview/rooms/outbound';

let sent: string[];
let waiting: number;
let cuts: number;
let outbound: Outbound;
const frame = (text: string, slot: string | null = null): Frame => new Frame({ $type: '#message', text }, slot);
const textOf = ({ text }: Frame): string => (JSON.parse(text) as { text: string }).text;

beforeEach(() => {
  sent = [];
  waiting = 0;
  cuts = 0;
  const sink = {
    send: (each: Frame): void => void sent.push(textOf(each)),
    get bufferedBytes() {
      return waiting;
    },
    close: (): void => undefined,
  };
  outbound = new Outbound(sink, () => void (cuts += 1));
});

test('a quick client gets everything at once', () => {
  outbound.send(frame('a'));
  outbound.send(frame('b', 'slot'));
  expect(sent).toEqual(['a', 'b']);
});

test('newest-wins frames wait from the first byte above the bound, one a slot, in order of their slots', () => {
  waiting = slowBytes;
  outbound.send(frame('just in time', 'x'));
  waiting = slowBytes + 1;
  for (const [text, slot] of [['1', 'x'], ['2', 'y'], ['3', 'x']]) outbound.send(frame(text, slot));
  expect([sent, outbound.heldCount]).toEqual([['just in time'], 2]);
  waiting = 0;
  outbound.send(frame('4', 'y'));
  expect(sent).toEqual(['just in time']);
  outbound.drained((each) => each);
  expect([sent, outbound.heldCount]).toEqual([['just in time', '3', '4'], 0]);
});

test('numbered frames go on until more than the bound waits, then the client is cut', () => {
  waiting = maxWaitingBytes;
  outbound.send(frame('a'));
  expect([sent, cuts]).toEqual([['a'], 0]);
  waiting += 1;
  outbound.send(frame('b'));
  expect([sent, cuts]).toEqual([['a'], 1]);
});

test('what is held may be replaced or left out when the client reads again', () => {
  waiting = slowBytes + 1;
  outbound.send(frame('old', 'x'));
  outbound.send(frame('gone', 'y'));
  outbound.send(frame('forgotten', 'z'));
  outbound.forget('z');
  waiting = 0;
  outbound.drained((each) => (each.slot === 'x' ? frame('whole', 'x') : null));
  expect([sent, outbound.heldCount]).toEqual([['whole'], 0]);
});
