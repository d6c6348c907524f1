import { createContext } from 'svelte';
import type { Preferences, Theme } from '../generated/contract';
import type { Host } from '../host/host';
import { chosenLanguage, speak, type Language } from '../i18n/language';

/** Language and theme of this machine's user. */
export class PreferenceState {
  language = $state<Language>('en');
  theme = $state<Theme>('system');

  readonly #host: Host;
  readonly #system = matchMedia('(prefers-color-scheme: dark)');
  #saved: Preferences = { theme: 'system', toldAboutTray: false };

  constructor(host: Host) {
    this.#host = host;
  }

  /** Before the first frame, so that nothing flashes in another language or colour. */
  async load(): Promise<void> {
    this.#saved = await this.#host.preferences().catch(() => this.#saved);
    this.#system.onchange = () => this.#paint();
    this.theme = this.#saved.theme;
    this.#paint();
    await this.#speak(this.#saved.language);
  }

  async setLanguage(language: Language): Promise<void> {
    await this.#speak(language);
    await this.#save({ language });
  }

  async setTheme(theme: Theme): Promise<void> {
    this.theme = theme;
    this.#paint();
    await this.#save({ theme });
  }

  #save(change: Partial<Preferences>): Promise<void> {
    this.#saved = { ...this.#saved, ...change };
    return this.#host.setPreferences(this.#saved);
  }

  async #speak(wish: string | undefined): Promise<void> {
    const language = chosenLanguage(wish);
    await speak(language);
    this.language = language;
  }

  #paint(): void {
    const dark = this.theme === 'dark' || (this.theme === 'system' && this.#system.matches);
    document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
  }
}

export const [getPreferences, setPreferences] = createContext<PreferenceState>();
