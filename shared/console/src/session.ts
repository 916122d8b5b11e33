// The session of the person who is signed in, for all components.
import { createContext } from 'preact';
import type { Person } from './person.ts';

export interface Session {
  person: Person;
  signInAgain: () => void;
  signOut: () => void;
}

export const SessionContext = createContext<Session>({
  person: { role: 'finance', tenant: '', name: '' }, signInAgain: () => {}, signOut: () => {},
});
