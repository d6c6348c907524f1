import { readFileSync } from 'node:fs';
import { po } from 'gettext-parser';
import type { Plugin } from 'vite';

interface Message {
  msgstr: string[];
  comments?: { flag?: string; reference?: string };
}

/**
 * `import catalogue from '../../../locales/ru.po'` gives the object that ttag's `addLocale` takes.
 *
 * Left out: fuzzy and untranslated messages (the source text is better than a wrong one), and messages that only Rust
 * code uses (they would be dead weight in the bundle).
 */
export function poCatalogues(): Plugin {
  return {
    name: 'po-catalogues',
    enforce: 'pre',
    load(id) {
      if (!id.endsWith('.po')) return null;
      const catalogue = po.parse(readFileSync(id));
      const contexts = catalogue.translations as unknown as Record<string, Record<string, Message>>;
      for (const messages of Object.values(contexts)) {
        for (const [key, message] of Object.entries(messages)) {
          if (key !== '' && !isUsable(message)) delete messages[key];
          else delete message.comments;
        }
      }
      const { headers } = catalogue;
      const kept = { charset: 'utf-8', headers: { 'plural-forms': pluralForms(headers) }, translations: contexts };
      return `export default ${JSON.stringify(kept)}`;
    },
  };
}

function pluralForms(headers: Record<string, string>): string {
  const found = Object.entries(headers).find(([name]) => name.toLowerCase() === 'plural-forms');
  if (!found) throw new Error('the .po file has no Plural-Forms header; add it, ttag cannot choose a plural without it');
  return found[1];
}

function isUsable({ msgstr, comments }: Message): boolean {
  const fuzzy = comments?.flag?.includes('fuzzy') ?? false;
  const references = (comments?.reference ?? '').split(/\s+/).filter(Boolean);
  const onlyRust = references.length > 0 && references.every((reference) => /\.rs(:\d+)?$/.test(reference));
  return !fuzzy && !onlyRust && msgstr.every((text) => text !== '');
}
