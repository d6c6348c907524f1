// `npm run i18n:extract` brings locales/*.po up to the texts of the code; `npm run i18n:check` fails when they are not.
//
// Texts of the interface are found by ttag-cli, for which Svelte files are turned into TypeScript first; texts of Rust
// code are the literals given to `gettext` and `ngettext`. Both go into one catalogue per language, merged by msgmerge.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { po } from 'gettext-parser';
import { svelte2tsx } from 'svelte2tsx';

const ui = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const root = resolve(ui, '..');
const locales = join(root, 'locales');
const CURE = 'npm --prefix ui run i18n:extract, then translate what is new in locales/*.po';

const [task] = process.argv.slice(2);
if (task === 'extract') extract();
else if (task === 'check') check();
else fail('say what: extract or check');

function extract() {
  withTemplate((template) => {
    copyFileSync(template, join(locales, 'linedesk.pot'));
    for (const catalogue of catalogues()) writeFileSync(catalogue, merged(catalogue, template));
    for (const catalogue of catalogues())
      console.log(`${relative(root, catalogue)}: ${missing(catalogue).length} to translate`);
  });
}

function check() {
  const stale = [];
  withTemplate((template) => {
    const committed = join(locales, 'linedesk.pot');
    if (!existsSync(committed) || readFileSync(committed, 'utf8') !== readFileSync(template, 'utf8'))
      stale.push('linedesk.pot');
    for (const catalogue of catalogues()) {
      const name = relative(locales, catalogue);
      if (readFileSync(catalogue, 'utf8') !== merged(catalogue, template)) stale.push(name);
      for (const text of missing(catalogue)) stale.push(`${name}: not translated: ${text}`);
      run('msgfmt', ['--check', '-o', '/dev/null', catalogue]);
      for (const text of mismatched(catalogue)) stale.push(`${name}: other placeholders than the source: ${text}`);
    }
  });
  if (stale.length > 0) fail(`the catalogues are stale:\n  ${stale.join('\n  ')}\ncure: ${CURE}`);
  console.log('the catalogues are current and complete');
}

function withTemplate(use) {
  const work = mkdtempSync(join(tmpdir(), 'linedesk-i18n-'));
  try {
    const uiTemplate = join(work, 'ui.pot');
    const rustTemplate = join(work, 'rust.pot');
    const whole = join(work, 'linedesk.pot');
    interfaceTexts(work, uiTemplate);
    writeFileSync(rustTemplate, rustTexts());
    run('msgcat', ['--use-first', '--sort-output', '--no-wrap', '-o', whole, uiTemplate, rustTemplate]);
    writeFileSync(whole, settled(readFileSync(whole, 'utf8')).replace(/^"Plural-Forms:[^"]*"\n/im, ''));
    use(whole);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** A copy of the sources in which ttag-cli can read everything. */
function interfaceTexts(work, template) {
  const copies = join(work, 'ui', 'src');
  for (const file of files(join(ui, 'src'), /\.(svelte|ts)$/)) {
    if (/\.test\.ts$|\/generated\/|demo/.test(file)) continue;
    const copy = join(copies, relative(join(ui, 'src'), file));
    mkdirSync(dirname(copy), { recursive: true });
    const text = readFileSync(file, 'utf8');
    if (file.endsWith('.svelte'))
      writeFileSync(`${copy}.ts`, svelte2tsx(text, { filename: file, isTsFile: true }).code);
    else writeFileSync(copy, text);
  }
  const ttag = join(ui, 'node_modules', '.bin', 'ttag');
  const said = run(
    ttag,
    ['extract', '-o', template, '--extractLocation', 'file', '--sortByMsgid', join('ui', 'src')],
    work,
  );
  if (!existsSync(template)) fail(`ttag found no texts:\n${said}`);
  writeFileSync(template, readFileSync(template, 'utf8').replaceAll('.svelte.ts', '.svelte'));
}

/** Literals in `gettext("…")` and `ngettext("…", "…", n)` of all Rust files. */
function rustTexts() {
  const literal = '"((?:[^"\\\\]|\\\\.)*)"';
  const singular = new RegExp(`(?<!n)gettext\\(\\s*${literal}\\s*,?\\s*\\)`, 'g');
  const plural = new RegExp(`ngettext\\(\\s*${literal}\\s*,\\s*${literal}`, 'g');
  const messages = {};
  const add = (file, msgid, msgid_plural) => {
    const message = (messages[msgid] ??= { msgid, msgstr: [''], comments: { reference: '' } });
    if (msgid_plural !== undefined) Object.assign(message, { msgid_plural, msgstr: ['', ''] });
    const references = new Set(message.comments.reference.split('\n').filter(Boolean));
    message.comments.reference = [...references.add(relative(root, file))].join('\n');
  };
  for (const folder of ['crates', 'src-tauri', 'xtask', 'tests']) {
    for (const file of files(join(root, folder), /\.rs$/)) {
      if (/^crates\/i18n\/|\/tests\//.test(relative(root, file))) continue;
      const text = readFileSync(file, 'utf8').replace(/^\s*\/\/.*$/gm, '');
      for (const [, id] of text.matchAll(singular)) add(file, unescape(id));
      for (const [, id, many] of text.matchAll(plural)) add(file, unescape(id), unescape(many));
    }
  }
  const headers = { 'content-type': 'text/plain; charset=utf-8' };
  return po.compile({ charset: 'utf-8', headers, translations: { '': messages } });
}

function unescape(rust) {
  // A backslash before a line end leaves out the line end and the blanks after it, as Rust does.
  return JSON.parse(
    `"${rust
      .replace(/\\\n\s*/g, '')
      .replace(/\\'/g, "'")
      .replace(/\n/g, '\\n')}"`,
  );
}

function merged(catalogue, template) {
  const args = ['--quiet', '--no-fuzzy-matching', '--sort-output', '--no-wrap', '-o', '-', catalogue, template];
  return settled(
    run('msgmerge', args)
      .replace(/\n#~[^\n]*/g, '')
      .replace(/\n{3,}/g, '\n\n'),
  );
}

/** Without what changes by itself: dates and the names of generators. */
function settled(text) {
  return `${text.replace(/^"(POT-Creation-Date|PO-Revision-Date|X-Generator|MIME-Version):?[^"]*"\n/gim, '').trimEnd()}\n`;
}

function messagesOf(catalogue) {
  return Object.values(po.parse(readFileSync(catalogue)).translations)
    .flatMap((context) => Object.values(context))
    .filter(({ msgid }) => msgid !== '');
}

function missing(catalogue) {
  return messagesOf(catalogue)
    .filter(({ msgstr, comments }) => msgstr.some((text) => text === '') || comments?.flag?.includes('fuzzy'))
    .map(({ msgid }) => msgid);
}

/** Texts whose translation names a value that the source does not have, or forgets one. */
function mismatched(catalogue) {
  const names = (text) => [...new Set(text.match(/\$\{[^}]*\}|\{\w*\}/g) ?? [])].sort().join(' ');
  return messagesOf(catalogue)
    .filter(({ msgid, msgid_plural, msgstr }) =>
      msgstr.some((text) => text !== '' && names(text) !== names(msgid_plural ?? msgid)),
    )
    .map(({ msgid }) => msgid);
}

function catalogues() {
  return files(locales, /\.po$/);
}

function files(folder, pattern) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(
      (entry) => entry.isFile() && pattern.test(entry.name) && !/\/(target|node_modules)(\/|$)/.test(entry.parentPath),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function run(program, args, cwd = root) {
  try {
    return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (error.code === 'ENOENT') fail(`${program} is not installed; it comes with gettext: apt-get install gettext`);
    return fail(`${program} failed:\n${error.stdout ?? ''}${error.stderr ?? ''}`);
  }
}

function fail(message) {
  console.error(`i18n: ${message}`);
  process.exit(1);
}
