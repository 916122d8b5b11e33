// Fields of a form: a label, what to know, and what is wrong with the value.
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface About {
  label: string;
  hint?: string;
  /** What is wrong with the value, from here or from the API's answer. */
  fault?: string | undefined;
}

function Labelled({ label, hint, fault, children }: About & { children: (ids: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true }) => ComponentChildren }) {
  const id = useId();
  const described = [hint && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, ...(described && { 'aria-describedby': described }), ...(fault && { 'aria-invalid': true }) })}
      {hint && <small id={`${id}-hint`} class="muted">{hint}</small>}
      {fault && <small id={`${id}-fault`} class="fault">{fault}</small>}
    </div>
  );
}

interface Input {
  required?: boolean;
  disabled?: boolean;
  autofocus?: boolean;
  placeholder?: string;
}

export function TextField({ label, hint, fault, value, onValue, ...input }: About & Input & {
  value: string; onValue: (value: string) => void;
  type?: 'text' | 'email' | 'url' | 'date' | 'datetime-local' | 'month'; pattern?: string; minLength?: number; maxLength?: number; min?: string; max?: string; list?: string;
}) {
  return (
    <Labelled label={label} hint={hint} fault={fault}>
      {(ids) => <input type="text" autocomplete="off" {...input} {...ids} value={value} onInput={(e) => onValue(e.currentTarget.value)} />}
    </Labelled>
  );
}

/** A text of several lines. */
export function AreaField({ label, hint, fault, value, onValue }: About & { value: string; onValue: (value: string) => void }) {
  return (
    <Labelled label={label} hint={hint} fault={fault}>
      {(ids) => <textarea rows={3} autocomplete="off" {...ids} value={value} onInput={(e) => onValue(e.currentTarget.value)} />}
    </Labelled>
  );
}

/** A whole number; an empty field is undefined, for the default. */
export function NumberField({ label, hint, fault, value, onValue, ...input }: About & Input & {
  value: number | undefined; onValue: (value: number | undefined) => void; min?: number; max?: number;
}) {
  return (
    <Labelled label={label} hint={hint} fault={fault}>
      {(ids) => (
        <input
          type="number" step={1} inputMode="numeric" {...input} {...ids} value={value ?? ''}
          onInput={(e) => onValue(e.currentTarget.value === '' ? undefined : e.currentTarget.valueAsNumber)}
        />
      )}
    </Labelled>
  );
}

export function SelectField<V extends string>({ label, hint, fault, value, onValue, options }: About & {
  value: V; onValue: (value: V) => void; options: readonly (readonly [value: V, text: string])[];
}) {
  return (
    <Labelled label={label} hint={hint} fault={fault}>
      {(ids) => (
        <select {...ids} value={value} onChange={(e) => onValue(e.currentTarget.value as V)}>
          {options.map(([one, text]) => <option key={one} value={one}>{text}</option>)}
        </select>
      )}
    </Labelled>
  );
}

export function CheckField({ label, hint, checked, onChecked }: { label: string; hint?: string; checked: boolean; onChecked: (checked: boolean) => void }) {
  const id = useId();
  return (
    <div class="field check">
      <input type="checkbox" id={id} checked={checked} aria-describedby={hint && `${id}-hint`} onChange={(e) => onChecked(e.currentTarget.checked)} />
      <label for={id}>{label}</label>
      {hint && <small id={`${id}-hint`} class="muted">{hint}</small>}
    </div>
  );
}
