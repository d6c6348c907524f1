/** Without the spaces and punctuation of a pasted number; what it means is decided in Rust. */
export function dialTarget(text: string): string {
  const trimmed = text.trim();
  return /^sips?:/i.test(trimmed) ? trimmed : trimmed.replace(/[\s().\-–‑]/g, '');
}
