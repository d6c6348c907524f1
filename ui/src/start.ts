import { mount } from 'svelte';
import App from './App.svelte';
import './base.css';
import type { Host } from './host/host';
import { PreferenceState } from './state/preferences.svelte';
import './tokens.css';

/** The composition root: the one place where the collaborators meet. */
export async function start(host: Host): Promise<void> {
  const target = document.getElementById('app');
  if (!target) throw new Error('the page has no #app; index.html and start.ts do not belong together');
  const preferences = new PreferenceState(host);
  await preferences.load();
  mount(App, { target, props: { host, preferences } });
}
