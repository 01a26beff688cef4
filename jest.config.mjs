// Jest for the whole house: ES modules, TypeScript by Node's own type stripping.
const shared = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/tests/harness/strip-types.mjs' },
  transformIgnorePatterns: ['/node_modules/'],
  modulePathIgnorePatterns: ['<rootDir>/.node/', '<rootDir>/.data/', '<rootDir>/dist/'],
};
const project = (displayName, folders) => ({
  ...shared,
  displayName,
  testMatch: folders.map((folder) => `<rootDir>/tests/${folder}/**/*.test.ts`),
});
export default {
  rootDir: import.meta.dirname,
  projects: [
    project('unit', ['protocol', 'service', 'firehose-consumer', 'plc', 'pds', 'relay', 'appview', 'cli']),
    project('tidy', ['tidy']),
    project('flow', ['flow', 'scenarios', 'model', 'faults']),
    project('peers', ['peers']),
    project('browser', ['browser']),
  ],
};
