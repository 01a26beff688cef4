import { expect, test } from '@jest/globals';
import { Budget } from '@dunlin/relay/ingest/budget';

/** Charges and says whether there is room afterwards. */
function charge(budget: Budget, host: Host, bytes: number): boolean {
  budget.charge(host, bytes);
  return budget.hasRoom(host);
}

class Host {
  resumed = 0;
  resumeFromBudget(): void {
    this.resumed += 1;
  }
}

test('lets a host go on up to its own bound, and again at half of it', () => {
  const budget = new Budget({ totalBytes: 1000, bytesPerHost: 100 });
  const [one, other] = [new Host(), new Host()];
  expect(charge(budget, one, 99)).toBe(true);
  expect(charge(budget, one, 1)).toBe(false);
  expect(charge(budget, other, 50)).toBe(true);
  budget.release(one, 49);
  expect(one.resumed).toBe(0);
  budget.release(one, 1);
  expect([one.resumed, other.resumed, budget.totalBytes, budget.pausedHosts]).toEqual([1, 0, 100, 0]);
});

test('stops everybody at the bound of all, and lets them go on below three quarters', () => {
  const budget = new Budget({ totalBytes: 100, bytesPerHost: 80 });
  const [one, other] = [new Host(), new Host()];
  expect(charge(budget, one, 70)).toBe(true);
  expect(charge(budget, other, 30)).toBe(false);
  budget.release(one, 20);
  expect(other.resumed).toBe(0);
  budget.release(one, 5);
  expect(other.resumed).toBe(1);
});

test('while stopped, each event is its host\'s last however much room there is; start wakes them all', () => {
  const budget = new Budget({ totalBytes: 1000, bytesPerHost: 100 });
  const [one, other] = [new Host(), new Host()];
  budget.stop();
  expect(budget.hasRoom(one)).toBe(true);
  expect([charge(budget, one, 1), charge(budget, other, 1)]).toEqual([false, false]);
  budget.release(one, 1);
  budget.release(other, 1);
  expect([one.resumed, other.resumed, budget.pausedHosts]).toEqual([0, 0, 2]);
  budget.start();
  expect([one.resumed, other.resumed, budget.pausedHosts]).toEqual([1, 1, 0]);
  expect(charge(budget, one, 1)).toBe(true);
});
