/**
 * Puts an account's new profile into answers of an app view that has not seen it: getProfile and getProfiles.
 * Pure functions from the answer and what is new to the answer as it is shown.
 * Source: behaviour of the reference PDS (read-after-write).
 */
import type { LocalRecords } from './local-records.ts';
import { withDetailedProfile, type ProfileView, type Viewer } from './post-view.ts';

/** Changes the answer of app.bsky.actor.getProfile. */
export function mungeProfile(answer: ProfileView, local: LocalRecords, viewer: Viewer): ProfileView {
  return local.profile !== null && answer.did === viewer.did ? withDetailedProfile(answer, viewer) : answer;
}

/** Changes the answer of app.bsky.actor.getProfiles. */
export function mungeProfiles<A extends { readonly profiles: readonly ProfileView[] }>(answer: A, local: LocalRecords, viewer: Viewer): A {
  return { ...answer, profiles: answer.profiles.map((profile) => mungeProfile(profile, local, viewer)) };
}
