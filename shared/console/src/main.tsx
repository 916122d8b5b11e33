// The start: signs in, and shows the console.
import { render } from 'preact';
import { callAs } from './api.ts';
import { Console } from './console.tsx';
import { asFailure } from './failure.ts';
import type { Person } from './person.ts';
import { SignIn } from './signin.ts';
import { Welcome } from './welcome.tsx';

const root = document.getElementById('console')!;
root.textContent = '';

async function start(): Promise<void> {
  render(<Welcome />, root);
  let signIn: SignIn | undefined;
  try {
    signIn = await SignIn.open();
    const person = await signIn.finish();
    if (person) return show(signIn, person);
    if (signIn.known) return await signIn.begin({ silent: true });
    render(<Welcome signIn={signIn} />, root);
  } catch (error) {
    if (error instanceof Error && error.name === 'AuthorizationResponseError' && (error as Error & { error?: string }).error === 'login_required') {
      render(<Welcome signIn={signIn} />, root); // the issuer does not know the person any more
      return;
    }
    render(<Welcome signIn={signIn} failure={asFailure(error)} retry={() => void start()} />, root);
  }
}

function show(signIn: SignIn, person: Person): void {
  callAs(signIn);
  render(<Console session={{ person, signInAgain: () => void signIn.begin(), signOut: () => signIn.end() }} />, root);
}

void start();
