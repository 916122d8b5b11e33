// The page before the sign-in.
import type { Failure } from './failure.ts';
import { FailureNotice } from './parts/notice.tsx';
import type { SignIn } from './signin.ts';

export function Welcome({ signIn, failure, retry }: { signIn?: SignIn | undefined; failure?: Failure; retry?: () => void }) {
  return (
    <main class="welcome">
      <h1>Seatmeter</h1>
      <p class="muted">Seats of your conferences: who is in, who waits, and what was used.</p>
      {failure && <FailureNotice failure={failure} retry={retry} />}
      {signIn && <button type="button" class="primary" onClick={() => void signIn.begin()}>Sign in</button>}
      {!signIn && !failure && <p role="status" class="loading">Signing in …</p>}
    </main>
  );
}
