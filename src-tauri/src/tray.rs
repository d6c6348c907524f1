//! The icon in the tray. It is made after the first paint: it is not worth a millisecond of the start.

use std::panic::{AssertUnwindSafe, catch_unwind};
use tauri::AppHandle;
use tauri::menu::{MenuBuilder, MenuItemBuilder};
use tauri::tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent};

const ID: &str = "main";

/// Whether the icon was made.
pub fn is_there(app: &AppHandle) -> bool {
    app.tray_by_id(ID).is_some()
}

/// Makes it, once.
pub fn install(app: &AppHandle) {
    let on_main = app.clone();
    let asked = app.run_on_main_thread(move || {
        if is_there(&on_main) {
            return;
        }
        // Where the system's indicator library is missing, the binding panics instead of saying so.
        match catch_unwind(AssertUnwindSafe(|| build(&on_main))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "there is no tray; closing the window will minimise it"),
            Err(_) => tracing::warn!("the tray's library is missing; closing the window will minimise it"),
        }
    });
    if let Err(error) = asked {
        tracing::warn!(%error, "the tray cannot be made");
    }
}

fn build(app: &AppHandle) -> tauri::Result<()> {
    let show = MenuItemBuilder::with_id("show", i18n::gettext("Show Linedesk")).build(app)?;
    let quit = MenuItemBuilder::with_id("quit", i18n::gettext("Quit")).build(app)?;
    let menu = MenuBuilder::new(app).items(&[&show, &quit]).build()?;
    let mut tray = TrayIconBuilder::with_id(ID)
        .tooltip("Linedesk")
        .menu(&menu)
        .show_menu_on_left_click(false)
        .on_menu_event(|app, event| match event.id().as_ref() {
            "show" => crate::window::show(app),
            "quit" => crate::shell::quit(app, false),
            _ => {}
        })
        .on_tray_icon_event(|tray, event| {
            if let TrayIconEvent::Click { button: MouseButton::Left, button_state: MouseButtonState::Up, .. } = event {
                crate::window::show(tray.app_handle());
            }
        });
    if let Some(icon) = app.default_window_icon() {
        tray = tray.icon(icon.clone());
    }
    tray.build(app).map(drop)
}

/// Follows a changed language.
pub fn retranslate(app: &AppHandle) {
    let Some(_) = app.tray_by_id(ID) else { return };
    let on_main = app.clone();
    // It is made anew: a menu's items are not found again by their ids.
    let asked = app.run_on_main_thread(move || {
        drop(on_main.remove_tray_by_id(ID));
        install(&on_main);
    });
    if let Err(error) = asked {
        tracing::warn!(%error, "the tray cannot be changed");
    }
}
