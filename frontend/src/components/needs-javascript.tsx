// Says to people without JavaScript what this page needs it for.
export function NeedsJavaScript({ text }: { text: string }) {
  return (
    <noscript>
      <p className="border-b bg-warning-soft px-4 py-6 text-center text-warning">{text}</p>
    </noscript>
  );
}
