import { expect, test } from '@jest/globals';
import { AuditLog } from '@dunlin/relay/audit/audit-log';

const act = { atMs: 1, address: '127.0.0.1', agent: '', path: '/admin/x', params: { host: 'a.example.com' } };

test('keeps the newest ten thousand acts', () => {
  const audit = new AuditLog(':memory:');
  for (let i = 0; i < 10_002; i++) audit.begin(act);
  expect(audit.page(Number.MAX_SAFE_INTEGER, 1).map(({ id }) => id)).toEqual([10_002]);
  expect(audit.page(4, 10).map(({ id }) => id)).toEqual([3]);
  audit.close();
});

test('an act under way has no status; what is too long is cut', () => {
  const audit = new AuditLog(':memory:');
  const id = audit.begin({ ...act, agent: 'a'.repeat(3_000), params: { text: 'x'.repeat(3_000) } });
  const [begun] = audit.page(99, 1);
  expect(begun).toMatchObject({ id, status: null, outcome: '', agent: 'a'.repeat(2_000) });
  expect(JSON.stringify(begun?.params).length).toBeLessThan(1_100);
  audit.finish(id, 200, '');
  expect(audit.page(99, 1)[0]?.status).toBe(200);
  audit.close();
});
