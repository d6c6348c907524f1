import { createSubscriber } from 'svelte/reactivity';

/**
 * The one clock that moves things on the screen. Reading `now` in an effect or template makes it follow; the timer
 * runs only while somebody follows, and not while the window is hidden.
 */
export class Ticker {
  readonly #follow: () => void;

  constructor(periodMs = 500) {
    this.#follow = createSubscriber((update) => {
      const tick = (): void => {
        if (!document.hidden) update();
      };
      const timer = setInterval(tick, periodMs);
      document.addEventListener('visibilitychange', tick);
      return () => {
        clearInterval(timer);
        document.removeEventListener('visibilitychange', tick);
      };
    });
  }

  /** Monotonic milliseconds. */
  get now(): number {
    this.#follow();
    return performance.now();
  }
}
