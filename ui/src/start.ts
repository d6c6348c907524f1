import { mount, type Component } from 'svelte';
import App from './App.svelte';
import './base.css';
import type { Host } from './host/host';
import { PreferenceState } from './state/preferences.svelte';
import './tokens.css';

/** What a page shows: the desk, or the small window of a ringing call. */
export type Root = Component<{ host: Host; preferences: PreferenceState }>;

/** The composition root: the one place where the collaborators meet. */
export async function start(host: Host, Root: Root = App): Promise<void> {
  const target = document.getElementById('app');
  if (!target) throw new Error('the page has no #app; index.html and start.ts do not belong together');
  const preferences = new PreferenceState(host);
  await preferences.load();
  mount(Root, { target, props: { host, preferences } });
}
