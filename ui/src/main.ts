import { browserHost } from './host/browser';
import { insideTauri, tauriHost } from './host/tauri';
import { start } from './start';

void start(insideTauri() ? tauriHost() : browserHost());
