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
          if (key !== '' && !isUsable(message)) Reflect.deleteProperty(messages, key);
          else delete message.comments;
        }
      }
      // With a language ttag takes its own table of plurals. From the header alone it would make a function out of text,
      // which the content security policy forbids.
      const headers = {
        language: header(catalogue.headers, 'language'),
        'plural-forms': header(catalogue.headers, 'plural-forms'),
      };
      const kept = { charset: 'utf-8', headers, translations: contexts };
      return `export default ${JSON.stringify(kept)}`;
    },
  };
}

function header(headers: Record<string, string>, name: string): string {
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name);
  if (!found) throw new Error(`the .po file has no ${name} header; add it, ttag cannot choose a plural without it`);
  return found[1];
}

function isUsable({ msgstr, comments }: Message): boolean {
  const fuzzy = comments?.flag?.includes('fuzzy') ?? false;
  const references = (comments?.reference ?? '').split(/\s+/).filter(Boolean);
  const onlyRust = references.length > 0 && references.every((reference) => /\.rs(:\d+)?$/.test(reference));
  return !fuzzy && !onlyRust && msgstr.every((text) => text !== '');
}
