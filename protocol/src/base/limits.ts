/**
 * Every bound of the protocol: its value, its unit and where it comes from.
 * Not for bounds of one server's own making (queues, caches, rates): those are in that server's config.
 * A name ends in its unit where it has one; a value is inclusive: exactly that much is still allowed.
 * Source: AT Protocol specs "Event Stream", "Sync", "Repository"; else "ours" with the reason.
 */

/** Largest WebSocket message of an event stream, in bytes. Sync spec: 5 MB. */
export const maxFrameBytes = 5_000_000;

/**
 * Largest frame of any kind but #commit, in bytes, that our relay passes on. Ours: real ones are below 12 kB, and with padding in
 * unknown fields one host could push everybody else's events out of the replay window.
 */
export const maxNoticeFrameBytes = 65_536;

/** Largest `blocks` of a #commit, in bytes. Sync spec: 2 MB. */
export const maxCommitBlocksBytes = 2_000_000;

/** Largest `blocks` of a #sync, in bytes. Sync spec: 10 kB, one commit block. */
export const maxSyncBlocksBytes = 10_000;

/** Most record operations in one #commit. Sync spec: 200. */
export const maxCommitOps = 200;

/** Largest record, in bytes of DAG-CBOR. Sync spec: 1 MB. */
export const maxRecordBytes = 1_000_000;

/** Largest block of a repository (record, MST node, commit), in bytes. Sync spec: 1 MB. */
export const maxBlockBytes = 1_000_000;

/** How far a rev may lie in the future, in ms. Sync spec suggests a few minutes; the field uses five. */
export const maxFutureRevMs = 300_000;

/** Most CBOR or JSON containers inside one another. Ours: records of the field stay below 20; keeps every recursion short. */
export const maxCborDepth = 128;

/** Largest CBOR item that is decoded in one go, in bytes. Ours: the largest frame is the largest thing there is. */
export const maxCborBytes = maxFrameBytes;

/** Largest CAR header, in bytes. Ours: a header with two hundred roots still fits. */
export const maxCarHeaderBytes = 10_000;

/** Most roots a CAR may name. Ours: a repository export has one; two leave room for old writers. */
export const maxCarRoots = 16;

/** Most blocks in one CAR that is read whole, unless the caller says otherwise. Ours: ten times the largest repositories seen. */
export const maxCarBlocks = 10_000_000;

/** Longest token (service or session JWT), in characters. Ours: real ones are below 1,000. */
export const maxJwtLength = 8_192;

/** Longest lifetime of a service token that is accepted, in seconds. Reference PDS mints at most one hour. */
export const maxServiceJwtLifetimeSeconds = 3_600;

/** How far a clock of a peer may be off, in seconds, where a token's times are compared. Ours. */
export const maxClockSkewSeconds = 30;

/** Longest password, in UTF-16 units, that is hashed. Reference PDS: 256. */
export const maxPasswordLength = 256;
