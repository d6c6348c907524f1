import { addLocale, useLocale, type LocaleData } from 'ttag';

/** Languages with a complete catalogue; English is the language of the source. */
export const languages = [
  { id: 'en', name: 'English' },
  { id: 'ru', name: 'Русский' },
] as const;

export type Language = (typeof languages)[number]['id'];

let current: Language = 'en';

/** What is spoken now; for formats (times, numbers), texts go through ttag. */
export function language(): Language {
  return current;
}

/** The wish, or where there is none (or one we do not speak) the system's language where it is one of ours. */
export function chosenLanguage(wish: string | undefined, system: readonly string[] = navigator.languages): Language {
  const known = (tag: string): Language | undefined => languages.find(({ id }) => tag.toLowerCase().startsWith(id))?.id;
  return known(wish ?? '') ?? system.map(known).find((id) => id !== undefined) ?? 'en';
}

/** Loads the catalogue; what is drawn after it is in this language. */
export async function speak(wish: Language): Promise<void> {
  if (wish === 'ru') addLocale('ru', (await import('../../../locales/ru.po')).default as LocaleData);
  useLocale(wish);
  current = wish;
  document.documentElement.lang = wish;
}
