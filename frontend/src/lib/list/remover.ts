// Removes videos, and brings them back while the server still can.
import { type api, inGroups, type Video } from "../api/client";
import { ApiError } from "../api/errors";

export type Removal = { readonly videos: readonly Video[] } & (
  | { readonly status: "removing" }
  | {
      readonly status: "removed";
      /** When the server deletes them, by the clock of `performance.now()`. */
      readonly until: number;
      /** Why they couldn't be brought back yet, or that some were not removed. */
      readonly error: ApiError | Partly | null;
    }
  | { readonly status: "restoring" }
  | { readonly status: "failed"; readonly why: ApiError | Partly | TooLate }
);

/** So many of the videos were not removed. `why` is null if the sign-in tells it. */
export interface Partly {
  readonly kept: number;
  readonly why: ApiError | null;
}

/** The deletion had begun, for all or for some of the videos, or the time ended after an undo failed. */
export type TooLate = "all" | "some" | "time_over";

interface State {
  /** The videos that this page removed. A list that was asked for before still has them. */
  readonly removed: ReadonlySet<string>;
  readonly removal: Removal | null;
}

interface Ports {
  readonly server: Pick<typeof api, "removeVideos" | "restoreVideos">;
  /** The server was asked to change these videos. */
  readonly onAsked: (videos: readonly Video[], error: ApiError | null) => void;
  /** Nothing more happens to the videos. */
  readonly onEnd: () => void;
}

const NOTHING: State = { removed: new Set(), removal: null };

export class Remover {
  readonly #ports: Ports;
  readonly #listeners = new Set<() => void>();
  #state = NOTHING;
  #owner: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  readonly getState = (): State => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };

  /** Return whether all the videos are removed and can be brought back now. */
  async remove(videos: readonly Video[]): Promise<boolean> {
    const removed = new Set([...this.#state.removed, ...idsOf(videos)]);
    this.#set({ removed, removal: { videos, status: "removing" } });
    let until = Number.POSITIVE_INFINITY;
    let count = 0;
    let error: Partly | null = null;
    try {
      for (const some of inGroups(videos)) {
        const seconds = await this.#ports.server.removeVideos(idsOf(some));
        until = Math.min(until, performance.now() + seconds * 1000);
        count += some.length;
      }
    } catch (reason) {
      const kept = videos.slice(count);
      const why = this.#noteFailure(kept, reason);
      if (count === 0) {
        this.#replace(videos, why && { videos, status: "failed", why });
        return false;
      }
      // Undo asks for all videos, because an answer may be lost. The server returns those that are there too.
      error = { kept: kept.length, why };
    }
    this.#ports.onAsked(videos.slice(0, count), null);
    return this.#replace(videos, { videos, status: "removed", until, error }) && error === null;
  }

  /** Return whether all the videos are back. */
  async undo(): Promise<boolean> {
    const { removal } = this.#state;
    if (removal?.status !== "removed") return false;
    const { videos, until } = removal;
    this.#replace(videos, { videos, status: "restoring" });
    try {
      const restored = await this.#ports.server.restoreVideos(idsOf(videos));
      this.#show(restored);
      this.#ports.onAsked(videos, null);
      if (restored.length === videos.length) return this.#replace(videos, null);
      this.#replace(videos, { videos, status: "failed", why: restored.length === 0 ? "all" : "some" });
    } catch (error) {
      // The server answers a repeated restore as the first, so all videos can be asked for again.
      this.#replace(videos, { videos, status: "removed", until, error: this.#noteFailure(videos, error) });
    }
    return false;
  }

  close(): void {
    this.#set({ ...this.#state, removal: null });
    this.#ports.onEnd();
  }

  /** Forget what another user removed. If nobody is signed in, keep only what its user may still bring back. */
  follow(userId: string | null): void {
    const { removed, removal } = this.#state;
    const isLeft = userId === null && (removal === null || removal.status === "failed");
    const isAnothers = userId !== null && this.#owner !== null && this.#owner !== userId;
    this.#owner = userId ?? this.#owner;
    if ((isLeft || isAnothers) && (removal !== null || removed.size > 0)) this.#set(NOTHING);
  }

  /** Return what to tell about the failure. The sign-in tells that the session has ended. */
  #noteFailure(videos: readonly Video[], error: unknown): ApiError | null {
    if (!(error instanceof ApiError)) throw error;
    // The answer may be lost, or that about some of the videos. The list tells which are there.
    this.#show(videos);
    this.#ports.onAsked(videos, error);
    return error.code === "not_authenticated" ? null : error;
  }

  #show(videos: readonly Video[]): void {
    const shown = new Set(idsOf(videos));
    const removed = new Set([...this.#state.removed].filter((id) => !shown.has(id)));
    this.#set({ ...this.#state, removed });
  }

  /** Return false, with nothing done, if these videos are no longer what the notice is about. */
  #replace(videos: readonly Video[], removal: Removal | null): boolean {
    if (this.#state.removal?.videos !== videos) return false;
    this.#set({ ...this.#state, removal });
    return true;
  }

  #set(state: State): void {
    this.#state = state;
    clearTimeout(this.#timer);
    const { removal } = state;
    if (removal?.status === "removed") {
      const { videos, error, until } = removal;
      const why = error && ("kept" in error ? error : "time_over");
      const next: Removal | null = why && { videos, status: "failed", why };
      this.#timer = setTimeout(() => {
        this.#replace(videos, next);
        this.#ports.onEnd();
      }, until - performance.now());
    }
    for (const listener of this.#listeners) listener();
  }
}

function idsOf(videos: readonly Video[]): string[] {
  return videos.map(({ id }) => id);
}
