// Gives the upload and the removals to every page. Pages behind the sign-in load the code for it (keepers.tsx).
"use client";

import {
  type ComponentType,
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useLayoutEffect,
  useState,
} from "react";
import type { KeepersProps } from "./keepers";
import { NO_UPLOAD, UploadContext } from "./upload/current-upload";
import { NO_REMOVALS, RemovalContext } from "./videos/removals";

type Keepers = ComponentType<KeepersProps>;

/** By default nothing is kept. */
export const BringContext = createContext<(keepers: Keepers) => void>(() => {});

export function KeptProvider({ children }: { children: ReactNode }) {
  const [Keepers, setKeepers] = useState<Keepers | null>(null);
  const [upload, setUpload] = useState(NO_UPLOAD);
  const [removals, setRemovals] = useState(NO_REMOVALS);
  const bring = useCallback((keepers: Keepers) => setKeepers(() => keepers), []);
  return (
    <BringContext value={bring}>
      <UploadContext value={upload}>
        <RemovalContext value={removals}>
          {children}
          {Keepers !== null && <Keepers onUpload={setUpload} onRemovals={setRemovals} />}
        </RemovalContext>
      </UploadContext>
    </BringContext>
  );
}

/** Let these keepers work from now on, also after this page. */
export function useBring(keepers: Keepers): void {
  const bring = useContext(BringContext);
  useLayoutEffect(() => bring(keepers), [bring, keepers]);
}
