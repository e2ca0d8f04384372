// Says why the server refused a form that the browser sent by itself, before the page's script had loaded.
"use client";

import { Alert } from "@/components/ui/alert";
import { problemOf } from "@/text/problems";
import { useText } from "@/text/use-text";

// `EXPLAINED` in backend/app/api/routes/forms.py. The server answers with one of them as the address's fragment.
const CODES = [
  "csrf_rejected",
  "database_unavailable",
  "email_taken",
  "internal_error",
  "invalid_credentials",
  "overloaded",
  "password_too_weak",
  "rate_limited",
  "registration_closed",
  "too_many_accounts",
  "validation_error",
];

export function PostedRefusals({ place }: { place: "sign_in" | "register" }) {
  const t = useText();
  return CODES.map((code) => (
    <Alert key={code} id={code} className="not-target:hidden">
      {problemOf(t, { code, status: 0, facts: {}, retryAfterSeconds: null }, place).sentence}
    </Alert>
  ));
}
