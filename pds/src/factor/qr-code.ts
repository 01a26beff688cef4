/**
 * A text as a QR code, for the camera of a phone: an SVG picture without scripts or references.
 * The door of uqr. Not for anything but addresses of authenticator apps, which are made here.
 * Source: ISO/IEC 18004, by uqr.
 */
import { renderSVG } from 'uqr';

/** Gives the picture. */
export function qrCode(text: string): string {
  return renderSVG(text, { border: 2 });
}
