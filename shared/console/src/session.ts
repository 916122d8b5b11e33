// The session of the person who is signed in, for all components.
import { createContext } from 'preact';
import type { Person } from './person.ts';

export interface Session {
  person: Person;
  /** Whether an answer said that the sign-in has expired. */
  expired: boolean;
  signInAgain: () => void;
  signOut: () => void;
}

export const SessionContext = createContext<Session>({
  person: { role: 'finance', tenant: '', name: '' }, expired: false, signInAgain: () => {}, signOut: () => {},
});
