/** Reads the secret of an authenticator app as it is shown to people: base32, with or without spaces. */
export function readSecret(shown: string): Uint8Array {
  const bits = [...shown.replaceAll(/\s/g, '')].map((sign) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(sign).toString(2).padStart(5, '0')).join('');
  return Uint8Array.from({ length: Math.floor(bits.length / 8) }, (_, index) => Number.parseInt(bits.slice(index * 8, index * 8 + 8), 2));
}
