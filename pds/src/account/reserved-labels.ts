/**
 * Labels that nobody may take as a handle under a service domain: they would look like the service itself, or break mail and DNS.
 * Not a list of bad words, and not the reference's list: ours names roles, protocols and pages, see the groups.
 * Read by `handle-rules.ts`. Source: ours; RFC 2142 (mailbox names) and common host names of services.
 */

const roles = `abuse account accounts admin administrator administrators adm billing board ceo community compliance contact
 contacts cto customer customers dmca editor feedback finance founder guest guests helpdesk hostmaster info jobs legal mail
 mailer mailer-daemon marketing mod moderation moderator moderators mods news newsletter no-reply nobody noc noreply official
 operator operators owner owners postmaster press privacy root sales security service services staff support sysadmin system
 team teams trust trust-safety usenet webmaster verified verification verify`;

const hosts = `api app apps appview assets auth autoconfig autodiscover beta blob blobs blog bsky cache calendar cdn chat client
 clients cloud cluster cms config console crawler css data database db demo dev developer developers did directory dl dns docs
 download downloads edge email entryway events example federation feed feedgen feeds files firehose forum forums ftp gateway
 git graph graphql grpc health healthz help home host hostname hosting hosts http https icons identity image images imap img
 internal invalid ipfs jetstream js labeler labelers labeling labels lexicon lexicons lists live local localhost login logs
 mail1 mail2 media metrics mobile monitor mta mx mx1 mx2 network node nodes ns ns1 ns2 ns3 ns4 oauth openid ozone pages pds
 ping plc pop pop3 private prod production proxy public push redis registry relay relays repo repos resolver rooms rpc rss
 sandbox search secure server servers sftp sip smtp sql ssh ssl stage staging static stats status storage stream streams
 stun subdomain sync tcp telemetry test testing tests tls token turn udp upload uploads url video videos vpn web webdav
 webmail websocket wellknown well-known wiki worker workers wpad ws wss www www1 www2 www3 xmpp xrpc`;

const pages = `about activate activity ads advertise archive authorize authorization bookmarks bot bots browse bug bugs cancel
 careers cart category changelog checkout code codes compose copyright create dashboard deactivate default delete delivery
 discover donate edit embed error errors explore export faq features followers following friends group groups guidelines handle
 handles hashtag hashtags import inbox index install invite invites invitations join keys language languages license licenses
 like likes link links list location logged-in logged-out logout log-in log-out message messages migrate migration module
 network-status new notification notifications null oembed order orders outbox page password passwords payment payments
 permissions photo photos plans policies policy post posts preferences premium pricing profile profiles project projects
 purchase recover recovery register registration release releases remove replies reply report reports request reset review
 reviews room root-admin rules sale save script session sessions settings setup share shop signin sign-in signout sign-out
 signup sign-up sitemap source start store subscribe subscription subscriptions terms terms-of-service thread threads timeline
 tos tour translate trending trends undefined unfollow unsubscribe update updates upgrade user username users vote welcome
 workspace you your`;

const networks = `activitypub atp atproto at-protocol bluesky bluesky-app bluesky-pds bsky-app bsky-social dunlin dunlin-live fediverse
 matrix mastodon nostr threads-app skyline skyfeed`;

const reserved: ReadonlySet<string> = new Set([roles, hosts, pages, networks].join(' ').split(/\s+/));

/** Tells whether a label (the part before the service domain, in lower case) is kept for the service. */
export function isReservedLabel(label: string): boolean {
  return reserved.has(label);
}
