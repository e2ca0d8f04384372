// Shows what the operator tells people who forgot their password.
"use client";

import { useUploadPolicy } from "@/hooks/use-upload-policy";
import { useText } from "@/text/use-text";

export function PasswordHelp() {
  const t = useText();
  const help = useUploadPolicy().data?.password_help;
  if (!help) return null;
  return (
    <p className="mt-3 break-words">
      <span>{t.auth.signIn.forgotten}</span>
      <bdi>{help}</bdi>
    </p>
  );
}
