import type { ReactNode } from "react";
import { Wordmark } from "@/components/wordmark";

export function MessagePage({ title, text, action }: { title: string; text: string; action: ReactNode }) {
  return (
    <main className="mx-auto flex min-h-dvh max-w-md flex-col items-center justify-center px-4 pb-20 text-center">
      <Wordmark className="mb-10 text-2xl!" />
      <h1 className="font-semibold text-2xl tracking-tight">{title}</h1>
      <p className="mt-3 text-muted-foreground leading-relaxed">{text}</p>
      <div className="mt-8">{action}</div>
    </main>
  );
}
