/**
 * What we call of node:http, asked of the process. Not for its types, which cost nothing and come from node:http itself.
 * An import of it as a module reads every name it has, WebSocket too, and so loads Node's whole copy of undici: 14 MB in each
 * process that may never make a request. Source: ours, docs/decisions/0021.
 */

const http = process.getBuiltinModule('node:http');

/** Makes a server. */
export const createServer = http.createServer;

/** The usual words for a status. */
export const statusTexts: Readonly<Record<number, string | undefined>> = http.STATUS_CODES;

/** The class of answers, to tell one from another stream. */
export const AnswerClass = http.ServerResponse;
