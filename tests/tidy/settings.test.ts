/** .env.example and docs/operations.md say what the config specs say. */
import { readFileSync } from 'node:fs';
import { environmentFile, environmentText, operationsFile, operationsText } from './settings.ts';

test('.env.example lists every setting (npm run docs writes it)', () => {
  expect(readFileSync(environmentFile, 'utf8')).toBe(environmentText());
});

test('docs/operations.md lists every setting (npm run docs writes it)', () => {
  const present = readFileSync(operationsFile, 'utf8');
  expect(present).toBe(operationsText(present));
});
