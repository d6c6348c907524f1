import type { Attachment } from 'svelte/attachments';

let bubble: HTMLElement | undefined;

/**
 * A word on hover and focus. It is only for the eye: what carries it must have the same text as its accessible name or
 * description.
 */
export function hint(text: string): Attachment<HTMLElement> {
  return (node) => {
    const show = (): void => {
      bubble ??= document.body.appendChild(document.createElement('div'));
      bubble.className = 'hint';
      bubble.setAttribute('aria-hidden', 'true');
      bubble.textContent = text;
      bubble.hidden = false;
      const from = node.getBoundingClientRect();
      const left = from.left + from.width / 2 - bubble.offsetWidth / 2;
      bubble.style.left = `${Math.max(8, Math.min(left, innerWidth - bubble.offsetWidth - 8))}px`;
      bubble.style.top = `${from.bottom + 6}px`;
    };
    const hide = (): void => {
      if (bubble) bubble.hidden = true;
    };
    const key = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') hide();
    };
    node.addEventListener('pointerenter', show);
    node.addEventListener('pointerleave', hide);
    node.addEventListener('focus', show);
    node.addEventListener('blur', hide);
    node.addEventListener('keydown', key);
    return () => {
      hide();
      node.removeEventListener('pointerenter', show);
      node.removeEventListener('pointerleave', hide);
      node.removeEventListener('focus', show);
      node.removeEventListener('blur', hide);
      node.removeEventListener('keydown', key);
    };
  };
}
