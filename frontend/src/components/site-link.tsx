// Links a path of this site, also where the site is served under a public path.
"use client";

import NextLink from "next/link";
import type { ComponentProps } from "react";
import { publicAddress } from "@/lib/public-path";

type Props = Omit<ComponentProps<typeof NextLink>, "href"> & { href: string };

export function Link({ href, ...rest }: Props) {
  return <NextLink href={publicAddress(href)} {...rest} />;
}
