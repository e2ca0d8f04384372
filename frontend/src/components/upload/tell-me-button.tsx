// Offers a notification for the end of the upload.
"use client";

import { Bell, BellRing } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { useVideosText } from "@/text/videos-text";

/**
 * Android's browsers show notifications of service workers only, and their constructor throws. Tablets, and phones that
 * ask for the desktop's page, don't name Android. There the button shows, and the notification is left out.
 */
function canNotify(): boolean {
  return "Notification" in window && window.isSecureContext && !/Android/.test(navigator.userAgent);
}

export function TellMeButton({ asked, onAsked }: { asked: boolean; onAsked: (asked: boolean) => void }) {
  const texts = useVideosText().upload.tell;
  const [isBlocked, setIsBlocked] = useState(false);
  if (!canNotify()) return null;

  async function ask() {
    const answer = asked ? null : await Notification.requestPermission();
    setIsBlocked(answer === "denied");
    onAsked(answer === "granted");
  }

  if (isBlocked) return <p className="text-muted-foreground text-sm">{texts.blocked}</p>;
  const Icon = asked ? BellRing : Bell;
  return (
    <Button
      variant="ghost"
      size="sm"
      className="-ms-3.5 forced-colors:ms-0"
      aria-pressed={asked}
      onClick={() => void ask()}
    >
      <Icon />
      <span>{texts.ask}</span>
    </Button>
  );
}
