// Jest for the whole house: ES modules, TypeScript by Node's own type stripping.
const shared = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/tests/harness/strip-types.mjs' },
  transformIgnorePatterns: ['/node_modules/'],
  setupFilesAfterEnv: ['<rootDir>/tests/harness/patience.mjs'],
  modulePathIgnorePatterns: ['<rootDir>/.node/', '<rootDir>/.data/', '<rootDir>/dist/'],
};
const project = (displayName, folders) => ({
  ...shared,
  displayName,
  testMatch: folders.map((folder) => `<rootDir>/tests/${folder}/**/*.test.ts`),
});
export default {
  rootDir: import.meta.dirname,
  maxWorkers: 2,
  // Modules of finished test files stay in memory; a worker that has grown is replaced.
  workerIdleMemoryLimit: '1GB',
  projects: [
    project('unit', ['protocol', 'service', 'firehose-consumer', 'plc', 'appview']),
    // Nearly all of these start a whole server on real sockets.
    project('servers', ['pds', 'relay', 'cli']),
    project('tidy', ['tidy']),
    project('flow', ['flow', 'scenarios', 'model', 'faults']),
    project('peers', ['peers']),
    project('browser', ['browser']),
  ],
};
