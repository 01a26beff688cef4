/** Tests of the log: JSON lines with the service's name, levels as words, secrets struck out. */
import { describe, expect, test } from '@jest/globals';
import { createLogger, silentLogger, type LogLevel } from '@dunlin/service/log/logger';

function logLines(level: LogLevel, act: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  act(createLogger('test', { level, destination: { write: (line) => void lines.push(line) } }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the log', () => {
  test('writes one JSON object a line, with level and service', () => {
    const [line] = logLines('info', (log) => log.warn({ hosts: 3 }, 'degraded'));
    expect(line).toMatchObject({ level: 'warn', service: 'test', hosts: 3, msg: 'degraded' });
  });

  test('leaves out what is below its level', () => {
    expect(logLines('warn', (log) => log.info('not this'))).toEqual([]);
    expect(logLines('info', (log) => log.info('this'))).toHaveLength(1);
  });

  test('strikes out secrets at the top and two levels down', () => {
    const [line] = logLines('info', (log) => log.info({ password: 'a', request: { headers: { authorization: 'Bearer b' } }, session: { accessJwt: 'c' }, user: 'alice' }, 'x'));
    expect(line).toMatchObject({ password: '***', request: { headers: { authorization: '***' } }, session: { accessJwt: '***' }, user: 'alice' });
  });

  test('tells an error with its cause under err', () => {
    const [line] = logLines('info', (log) => log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed'));
    expect(line?.['err']).toMatchObject({ type: 'Error', message: expect.stringContaining('outer') });
  });

  test('can be silent', () => {
    expect(silentLogger.isLevelEnabled('fatal')).toBe(false);
  });
});
