// Jest transform: strips types with Node's own stripper, so tests run the very code that production runs.
// Not for: JSX or any syntax that would need code generation (see `erasableSyntaxOnly`).
import { stripTypeScriptTypes } from 'node:module';

export default {
  process: (source) => ({ code: stripTypeScriptTypes(source, { mode: 'strip' }) }),
  processAsync: async (source) => ({ code: stripTypeScriptTypes(source, { mode: 'strip' }) }),
};
