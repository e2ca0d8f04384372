// Links a path of this site, also where the site is served under a public path.
"use client";

import NextLink from "next/link";
import { type ComponentProps, useState } from "react";
import { useCurrentUpload } from "@/components/upload/current-upload";
import { publicAddress } from "@/lib/public-path";
import { isRunning } from "@/lib/upload/rules/upload-state";

type Props = Omit<ComponentProps<typeof NextLink>, "href"> & { href: string };

export function Link({ href, ...rest }: Props) {
  const [pointedAt, setPointedAt] = useState(false);
  const { state } = useCurrentUpload();
  // During an upload every page is fetched ahead. If the server went away before the click, Next would load the whole
  // page and end the upload.
  const ahead = pointedAt || isRunning(state);
  return (
    <NextLink
      href={publicAddress(href)}
      prefetch={ahead ? null : false}
      onPointerEnter={() => setPointedAt(true)}
      onFocus={() => setPointedAt(true)}
      {...rest}
    />
  );
}
