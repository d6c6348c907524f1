//! The main window.

use tauri::utils::config::Color;
use tauri::{AppHandle, Emitter, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};
use workstation::preferences::Theme;

use crate::platform;
use crate::shell::Shell;

/// Its label; capabilities name it.
pub const MAIN: &str = "main";

/// Makes it. It shows at once in the theme's colour, so that nothing flashes before the page has painted.
pub fn open(app: &AppHandle, theme: Theme) -> tauri::Result<WebviewWindow> {
    let asked = as_tauri(theme);
    let mut window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::default())
        .title("Linedesk")
        .inner_size(1280.0, 800.0)
        .min_inner_size(1000.0, 640.0)
        .theme(asked)
        .on_navigation(is_ours);
    if let Some(color) = background(asked) {
        window = window.background_color(color);
    }
    let window = window.build()?;
    let app = app.clone();
    window.on_window_event(move |event| {
        if let WindowEvent::CloseRequested { api, .. } = event {
            api.prevent_close();
            put_away(&app);
        }
    });
    Ok(window)
}

/// Closing hides to the tray; without a tray it minimises, since a hidden window could not be found again.
fn put_away(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let Some(window) = app.get_webview_window(MAIN) else { return };
        let outcome = if platform::has_tray().await && crate::tray::is_there(&app) {
            // Told before it is gone; whether it was told already is among the preferences.
            window.emit("hidden-to-tray", ()).and_then(|()| window.hide())
        } else {
            window.minimize()
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "the window cannot be put away");
        }
    });
}

/// Brings it to the front, from wherever it is.
pub fn show(app: &AppHandle) {
    let Some(window) = app.get_webview_window(MAIN) else { return };
    let outcome = window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus());
    if let Err(error) = outcome {
        tracing::warn!(%error, "the window cannot be shown");
    }
}

/// Follows a changed preference.
pub fn apply_theme(app: &AppHandle, theme: Theme) {
    let asked = as_tauri(theme);
    if let Some(window) = app.get_webview_window(MAIN) {
        let outcome = window.set_theme(asked).and_then(|()| window.set_background_color(background(asked)));
        if let Err(error) = outcome {
            tracing::warn!(%error, "the theme cannot be changed");
        }
    }
}

/// Tells the page that somebody wants to quit in a call.
pub fn ask_about_quitting(app: &AppHandle) {
    show(app);
    if let Err(error) = app.emit_to(MAIN, "quit-asked", ()) {
        tracing::warn!(%error, "the window cannot be asked");
    }
}

/// The pages are ours alone: a link goes to the system's browser by a command, never here.
pub fn is_ours(url: &Url) -> bool {
    url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost")
}

/// What the window system calls it.
pub fn as_tauri(theme: Theme) -> Option<tauri::Theme> {
    match theme {
        Theme::System => None,
        Theme::Light => Some(tauri::Theme::Light),
        Theme::Dark => Some(tauri::Theme::Dark),
    }
}

/// `--bg` of the page's tokens; with the system's theme the page knows better, within the first frame.
pub fn background(theme: Option<tauri::Theme>) -> Option<Color> {
    match theme {
        Some(tauri::Theme::Dark) => Some(Color(0x14, 0x17, 0x1c, 0xff)),
        Some(_) => Some(Color(0xf4, 0xf5, 0xf7, 0xff)),
        None => None,
    }
}

/// The shell's state, where it exists already.
pub fn shell(app: &AppHandle) -> Option<tauri::State<'_, Shell>> {
    app.try_state::<Shell>()
}
