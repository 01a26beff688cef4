/**
 * What a move is doing, in one word: from its row and from its job.
 * Not what stopped it (`move-fault.ts`).
 * Source: ours; app.dunlin.move.getStatus.
 */
import type { MoveProgress } from './move-runner.ts';
import type { Move } from './move-store.ts';

/** The word. */
export type MoveState = 'running' | 'inLine' | 'retrying' | 'yourTurn' | 'stopped' | 'done';

/** Gives it. */
export function moveState(move: Move, progress: MoveProgress): MoveState {
  if (move.step === 'done') return 'done';
  if (progress.retry !== null) return 'retrying';
  if (progress.isRunning) return 'running';
  if (progress.isInLine) return 'inLine';
  if (move.stop !== null) return 'stopped';
  return move.step === 'identity' || move.step === 'archive' ? 'yourTurn' : 'stopped';
}
