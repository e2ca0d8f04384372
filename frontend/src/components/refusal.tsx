// Says why a form was refused, and marks the fields that caused it.
"use client";

import { useId } from "react";
import { Alert } from "@/components/ui/alert";
import type { ApiError } from "@/lib/api/errors";
import { type FormPlace, refusedFields } from "@/lib/refused-fields";
import { problemOf } from "@/text/problems";
import { useText } from "@/text/use-text";

export interface FormRefusal {
  readonly id: string;
  readonly sentence: string | null;
  /** The properties of the field with this name. */
  readonly marks: (name: string) => { "aria-invalid"?: true; "aria-describedby"?: string };
}

export function useRefusal(error: ApiError | null, place: FormPlace): FormRefusal {
  const t = useText();
  const id = useId();
  const fields = error === null ? [] : refusedFields(error, place);
  return {
    id,
    sentence: error === null ? null : problemOf(t, error, place).sentence,
    marks: (name) => (fields.includes(name) ? { "aria-invalid": true, "aria-describedby": id } : {}),
  };
}

export function RefusalNotice({ refusal: { id, sentence } }: { refusal: FormRefusal }) {
  return sentence !== null && <Alert id={id}>{sentence}</Alert>;
}
