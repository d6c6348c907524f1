//! A call rings: the window asks for attention and takes the keyboard from nobody.

use softphone_api::{CallPhase, RegistrationState};
use tauri::{AppHandle, Manager, UserAttentionType};
use workstation::view::View;

use crate::window::MAIN;

/// Watches the view until the workstation ends.
pub async fn watch(app: AppHandle, desk: workstation::Handle) {
    let mut view = desk.view();
    let mut ringing = false;
    loop {
        let (rings, registered) = {
            let now = view.borrow_and_update();
            (rings(&now), is_registered(&now))
        };
        if registered && let Some(shell) = crate::window::shell(&app) {
            shell.timings.mark("registered");
        }
        if rings != ringing {
            ringing = rings;
            ask(&app, ringing);
        }
        if view.changed().await.is_err() {
            return;
        }
    }
}

fn ask(app: &AppHandle, ringing: bool) {
    let Some(window) = app.get_webview_window(MAIN) else { return };
    let attention = ringing.then_some(UserAttentionType::Critical);
    let hidden = !window.is_visible().unwrap_or(true);
    let outcome = if ringing && hidden {
        // Out of the tray, but minimised: seen in the task bar, without the keyboard.
        window.minimize().and_then(|()| window.show()).and_then(|()| window.request_user_attention(attention))
    } else {
        window.request_user_attention(attention)
    };
    if let Err(error) = outcome {
        tracing::warn!(%error, "attention cannot be asked for");
    }
}

/// Whether a call rings here.
pub fn rings(view: &View) -> bool {
    view.calls().any(|call| call.phase == CallPhase::Ringing)
}

fn is_registered(view: &View) -> bool {
    let mut registrations = view.phone.iter().flat_map(|phone| phone.registrations.values());
    registrations.any(|registration| registration.state == RegistrationState::Registered)
}
