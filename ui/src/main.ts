import CallWindow from './call-window/CallWindow.svelte';
import { tauriHost } from './host/tauri';
import { start } from './start';

// The shell opens this page a second time, as `#call`, in the small window of a ringing call.
void (location.hash === '#call' ? start(tauriHost(), CallWindow) : start(tauriHost()));
