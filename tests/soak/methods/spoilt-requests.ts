/**
 * Requests that are wrong as requests, whatever they say: media types, bodies cut short, slow, packed, nested or no JSON at all, heads too
 * large, methods and credentials that do not fit.
 * Not for: values inside a right request (near-misses.ts). Source: RFC 9110; AT Protocol spec "XRPC".
 */
import { gzipSync } from 'node:zlib';
import { mutate } from '../mutate.ts';
import type { Seeded } from '../seeded.ts';
import type { Question } from './exchange.ts';

/** A spoilt request; `isRefused` when no server may answer it with success. */
export interface SpoiltRequest {
  readonly what: string;
  readonly question: Question;
  readonly isRefused: boolean;
}

const packedSpaces = gzipSync(Buffer.alloc(5_000_000, 0x20));

/** Gives every spoilt form of a right request. */
export function* spoiltRequests(question: Question, random: Seeded, o: { hasAuth: boolean; isJson: boolean }): Generator<SpoiltRequest> {
  yield* spoiltHeads(question, o.hasAuth);
  if (question.body === null) {
    if (question.method === 'POST') yield { what: 'a body nobody wants', question: { ...question, body: Buffer.from('{"a":1}'), headers: { ...question.headers, 'content-type': 'application/json' } }, isRefused: true };
    return;
  }
  yield* o.isJson ? spoiltJson(question, question.body, random) : spoiltBytes(question, question.body, random);
  yield { what: 'a slow body', question: { ...question, manner: 'slow' }, isRefused: false };
  yield { what: 'a body that is cut off', question: { ...question, manner: 'cut' }, isRefused: true };
  yield { what: 'no body', question: { ...question, body: null, headers: { ...question.headers, 'content-length': '0' } }, isRefused: o.isJson };
}

function* spoiltHeads(question: Question, hasAuth: boolean): Generator<SpoiltRequest> {
  const { method, headers, path } = question;
  for (const other of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH']) {
    if (other !== method) yield { what: `by ${other}`, question: { ...question, method: other, body: other === 'GET' ? null : question.body }, isRefused: true };
  }
  if (hasAuth) {
    const { authorization: held = '', ...rest } = headers;
    yield { what: 'without authorization', question: { ...question, headers: rest }, isRefused: true };
    // An operator's wrong password locks the address out for a while: none is tried here.
    const wrong = held.startsWith('Basic') ? [] : ['Basic eDp5', `${held}Ax`, held.slice(0, -9), held.replace('Bearer', 'Basic')];
    for (const other of ['Bearer x', 'Bearer a.b.c', 'DPoP x', 'x', ...wrong]) {
      yield { what: `authorization ${other.slice(0, 9)}…`, question: { ...question, headers: { ...rest, authorization: other } }, isRefused: true };
    }
  }
  for (const bytes of [12_000, 70_000, 700_000]) yield { what: `a head of ${bytes} bytes`, question: { ...question, headers: { ...headers, 'x-much': 'x'.repeat(bytes) } }, isRefused: bytes > 600_000 };
  const mark = path.includes('?') ? '&' : '?';
  for (const more of [`x=${'y'.repeat(17_000)}`, '%', '%ff=%', '=', '&&&', 'x[]=1&x[a]=2', '__proto__=x&constructor=y']) {
    yield { what: `query with ${more.slice(0, 20)}`, question: { ...question, path: `${path}${mark}${more}` }, isRefused: false };
  }
  yield { what: 'a path in upper case', question: { ...question, path: path.replace(/\/xrpc\/[^?]+/, (name) => `/xrpc/${name.slice(6).toUpperCase()}`) }, isRefused: true };
}

function* spoiltJson(question: Question, body: Buffer, random: Seeded): Generator<SpoiltRequest> {
  const typed = (type: string): Question => ({ ...question, headers: { ...question.headers, 'content-type': type } });
  for (const type of ['text/plain', 'application/cbor', 'application/jsonx', 'x', 'multipart/form-data']) yield { what: `as ${type}`, question: typed(type), isRefused: true };
  for (const type of ['application/JSON', 'application/json; charset=utf-8', 'application/json;x']) yield { what: `as ${type}`, question: typed(type), isRefused: false };
  const { 'content-type': _, ...untyped } = question.headers;
  yield { what: 'without a media type', question: { ...question, headers: untyped }, isRefused: true };
  const text = body.toString();
  const broken = [text.slice(0, -1), text.slice(0, random.below(text.length)), `${text}x`, '', 'null', '5', '"x"', '[]', '['.repeat(5_000), `${'{"a":'.repeat(3_000)}1`, '{"__proto__":{"a":1}}', '"\\ud800"', `\ufeff${text}`];
  for (const other of broken) yield { what: `body ${other.slice(0, 30)}`, question: { ...question, body: Buffer.from(other) }, isRefused: !other.startsWith('\ufeff') && other !== '[]' };
  yield { what: 'a body that is no UTF-8', question: { ...question, body: Buffer.concat([body.subarray(0, 2), Buffer.of(0xff, 0xfe), body.subarray(2)]) }, isRefused: true };
  yield { what: 'a body of 200,000 spaces', question: { ...question, body: Buffer.concat([body, Buffer.alloc(200_000, 0x20)]) }, isRefused: false };
  const packed = gzipSync(body);
  const coded = (coding: string, bytes: Buffer): Question => ({ ...question, body: bytes, headers: { ...question.headers, 'content-encoding': coding } });
  yield { what: 'packed', question: coded('gzip', packed), isRefused: false };
  yield { what: 'packed and cut', question: coded('gzip', packed.subarray(0, -6)), isRefused: true };
  yield { what: 'said to be packed', question: coded('br', body), isRefused: true };
  yield { what: 'packed by an unknown way', question: coded('zip', body), isRefused: true };
  yield { what: 'packed from 5 MB', question: coded('gzip', packedSpaces), isRefused: true };
}

function* spoiltBytes(question: Question, body: Buffer, random: Seeded): Generator<SpoiltRequest> {
  for (let n = 0; n < 20; n++) yield { what: `spoilt bytes ${n}`, question: { ...question, body: Buffer.from(mutate(body, random, body)) }, isRefused: false };
  for (const type of ['', 'x', '*/*', 'image/*', 'application/json', 'image/png; x=y', 'i'.repeat(300)]) yield { what: `as ${type.slice(0, 20)}`, question: { ...question, headers: { ...question.headers, 'content-type': type } }, isRefused: false };
}
