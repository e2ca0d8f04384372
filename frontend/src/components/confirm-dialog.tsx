// Asks for confirmation before something is lost.
"use client";

import { type ReactNode, useId } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogTitle } from "@/components/ui/dialog";

export function ConfirmDialog({
  open,
  title,
  children,
  error = null,
  keep,
  confirm,
  pending = false,
  destructive = true,
  onClose,
  onConfirm,
}: {
  open: boolean;
  title: string;
  children: ReactNode;
  error?: string | null;
  /** Labels of the two buttons. */
  keep: string;
  confirm: string;
  pending?: boolean;
  destructive?: boolean;
  onClose: () => void;
  onConfirm: () => void;
}) {
  const id = useId();
  return (
    <Dialog open={open} pending={pending} onClose={onClose} aria-labelledby={id}>
      <DialogTitle id={id}>{title}</DialogTitle>
      <p className="mt-2 text-muted-foreground text-sm leading-relaxed empty:hidden">{children}</p>
      {error !== null && <Alert className="mt-4">{error}</Alert>}
      <DialogActions>
        <Button variant="secondary" data-autofocus pending={pending} onClick={onClose}>
          {keep}
        </Button>
        <Button variant={destructive ? "destructive" : "primary"} pending={pending} onClick={onConfirm}>
          {confirm}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
