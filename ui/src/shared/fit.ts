import type { Attachment } from 'svelte/attachments';

/**
 * Sets `data-fit` to the lowest level, from 0 to `levels`, at which the content fits into the element. Styles leave out
 * more at each level. It is measured at once, so nothing flickers.
 */
export function fit(levels: number): Attachment<HTMLElement> {
  return (node) => {
    const measure = (): void => {
      for (let level = 0; level <= levels; level += 1) {
        node.dataset['fit'] = String(level);
        if (node.scrollWidth <= node.clientWidth) return;
      }
    };
    const sizes = new ResizeObserver(measure);
    const words = new MutationObserver(measure);
    sizes.observe(node);
    words.observe(node, { childList: true, subtree: true, characterData: true });
    measure();
    return () => {
      sizes.disconnect();
      words.disconnect();
    };
  };
}
