// Draws one scene, or a list of all.
"use client";

import { useSearchParams } from "next/navigation";
import { useEffect, useLayoutEffect, useState, useSyncExternalStore } from "react";
import { ExternalLink } from "@/components/external-link";
import { answerWith } from "./answers";
import type { Scene } from "./scene";
import { SCENES } from "./scenes";

export function Gallery() {
  const name = useSearchParams().get("scene") ?? "";
  const scene = SCENES[name];
  if (!useIsBrowser()) return null;
  return scene === undefined ? <Index /> : <Shown key={name} name={name} scene={scene} />;
}

/** The server of `next dev` has no window, which some components ask for. */
function useIsBrowser(): boolean {
  return useSyncExternalStore(
    () => () => {},
    () => true,
    () => false,
  );
}

function Index() {
  return (
    <ul className="gallery-index">
      {Object.entries(SCENES).map(([name, { query }]) => {
        const address = `?${new URLSearchParams({ scene: name, ...query })}`;
        return (
          <li key={name} data-scene={name} data-address={address}>
            <ExternalLink href={address}>{name}</ExternalLink>
            <iframe loading="lazy" title={name} src={address} />
          </li>
        );
      })}
    </ul>
  );
}

function Shown({ name, scene: { Draw, answers = {}, act } }: { name: string; scene: Scene }) {
  const [isComplete, setComplete] = useState(act === undefined);
  // Before the effects below it send requests.
  useLayoutEffect(() => answerWith(answers), [answers]);
  useEffect(() => {
    void act?.().then(() => setComplete(true));
  }, [act]);
  return (
    <div data-scene={name} data-complete={isComplete}>
      <Draw />
    </div>
  );
}
