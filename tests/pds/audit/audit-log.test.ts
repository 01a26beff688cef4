/** The trail of acts is bounded in number and in length. */
import { openDatabase } from '@dunlin/service/sqlite/database';
import { AuditLog, maxActs, maxActTextLength, type Act } from '../../../pds/src/audit/audit-log.ts';
import { auditSchema } from '../../../pds/src/audit/schema.ts';

const act: Act = { atMs: 1, actor: 'operator', address: '::1', agent: 'test', method: 'app.dunlin.admin.removeFactors', subject: 'did:plc:a', input: {} };

test('only the newest acts are kept, and their numbers go on', () => {
  const database = openDatabase(':memory:', { migrations: [auditSchema] });
  const audit = new AuditLog(database);
  database.transaction(() => {
    for (let count = 0; count < maxActs + 2; count++) audit.begin(act);
  })();
  const oldest = audit.page({ below: 4, limit: 10, subject: null });
  expect(oldest).toMatchObject([{ id: 3, status: null, outcome: '' }]);
  expect(audit.page({ below: Number.MAX_SAFE_INTEGER, limit: 1, subject: 'did:plc:a' })).toMatchObject([{ id: maxActs + 2 }]);
  database.close();
});

test('a text is cut at its bound, and an input beyond it stays readable JSON', () => {
  const database = openDatabase(':memory:', { migrations: [auditSchema] });
  const audit = new AuditLog(database);
  const fits = 'x'.repeat(maxActTextLength - '{"a":""}'.length);
  audit.begin({ ...act, agent: 'y'.repeat(maxActTextLength + 1), input: { a: fits } });
  audit.finish(audit.begin({ ...act, input: { a: `${fits}x` } }), 400, 'z'.repeat(maxActTextLength + 1));
  const [long, fit] = audit.page({ below: 10, limit: 2, subject: null });
  expect(fit?.input).toEqual({ a: fits });
  expect(fit?.agent).toHaveLength(maxActTextLength);
  expect(long?.input).toEqual({ tooLong: expect.stringMatching(/^\{"a":"x+$/) });
  expect(long?.outcome).toHaveLength(maxActTextLength);
  database.close();
});
