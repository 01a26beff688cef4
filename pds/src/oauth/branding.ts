/**
 * How the sign-in, consent and account pages look: the operator's name, logo, colours and links, and links to pages of our own.
 * Not for the pages themselves.
 * Source: settings as the reference PDS names them.
 */

/** A link at the foot of the pages. */
export interface PageLink {
  readonly title: string | Record<string, string>;
  readonly href: string;
  readonly rel?: 'help' | 'privacy-policy' | 'terms-of-service' | 'canonical' | 'me';
}

/** The accent of our own pages (pds/web/style.css), lighter by a fifth: some of the provider's buttons have dark words on it, others white ones, and both can be read (4.5 to 1). */
const defaultPrimaryColor = '#0d7eaa';

/** The look. */
export interface Branding {
  name: string;
  logo?: string;
  colors: { primary?: string; error?: string; warning?: string; info?: string; success?: string };
  links: PageLink[];
}

/** What of the configuration the look is made of; null where the operator chose nothing. */
export interface BrandingConfig {
  readonly hostname: string;
  readonly serviceName: string | null;
  readonly logoUrl: string | null;
  readonly homeUrl: string | null;
  readonly supportUrl: string | null;
  readonly termsOfServiceUrl: string | null;
  readonly privacyPolicyUrl: string | null;
  readonly primaryColor: string | null;
  readonly errorColor: string | null;
  readonly warningColor: string | null;
  readonly infoColor: string | null;
  readonly successColor: string | null;
}

/** Gives the look; `accountUrl` is the address below which our own pages stand. */
export function brandingOf(config: BrandingConfig, accountUrl: string): Branding {
  const { primaryColor, errorColor, warningColor, infoColor, successColor } = config;
  const links: (PageLink | null)[] = [
    { title: { en: 'Sign in with a passkey', fr: 'Se connecter avec une clé d\'accès', es: 'Iniciar sesión con una llave de acceso', sv: 'Logga in med en nyckel' }, href: `${accountUrl}/passkey-sign-in` },
    { title: { en: 'Sign up with more choices', fr: 'Créer un compte avec plus d\'options', es: 'Registrarse con más opciones', sv: 'Skapa konto med fler val' }, href: `${accountUrl}/sign-up` },
    { title: { en: 'Security', fr: 'Sécurité', es: 'Seguridad', sv: 'Säkerhet' }, href: `${accountUrl}/security` },
    config.homeUrl === null ? null : { title: { en: 'Home', fr: 'Accueil' }, href: config.homeUrl, rel: 'canonical' },
    config.termsOfServiceUrl === null ? null : { title: { en: 'Terms of Service', fr: 'Conditions d\'utilisation' }, href: config.termsOfServiceUrl, rel: 'terms-of-service' },
    config.privacyPolicyUrl === null ? null : { title: { en: 'Privacy Policy', fr: 'Politique de confidentialité' }, href: config.privacyPolicyUrl, rel: 'privacy-policy' },
    config.supportUrl === null ? null : { title: { en: 'Support' }, href: config.supportUrl, rel: 'help' },
  ];
  return {
    name: config.serviceName ?? `${config.hostname} PDS`,
    ...(config.logoUrl !== null && { logo: config.logoUrl }),
    colors: {
      primary: primaryColor ?? defaultPrimaryColor,
      ...(errorColor !== null && { error: errorColor }),
      ...(warningColor !== null && { warning: warningColor }),
      ...(infoColor !== null && { info: infoColor }),
      ...(successColor !== null && { success: successColor }),
    },
    links: links.filter((link) => link !== null),
  };
}
