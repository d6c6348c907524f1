//! A call rings while another program has the keyboard: a small window above all others says who, and takes the keyboard
//! from nobody. Not even a click on its buttons does: who answers goes on typing where they typed.
//!
//! It is made when it is wanted for the first time and only hidden from then on: WebKit keeps some 3 MB of each page that is
//! closed. While it is hidden its page hears nothing.

use tauri::{
    AppHandle, Emitter, Manager, PhysicalPosition, PhysicalRect, WebviewUrl, WebviewWindow, WebviewWindowBuilder,
    WindowEvent,
};
use tokio::sync::{oneshot, watch};

use crate::attention::rings;
use crate::window::{self, MAIN};

/// Its label; capabilities name it.
pub const CALL: &str = "call";

/// Logical pixels; the page is drawn for just this size.
const SIZE: (f64, f64) = (360.0, 164.0);
/// From the edges of the work area, in logical pixels.
const MARGIN: f64 = 16.0;

/// The page has a call to show.
struct Drawn(watch::Sender<()>);

/// Watches the view and the keyboard until the workstation ends.
pub async fn watch(app: AppHandle, desk: workstation::Handle) {
    let Some(main) = app.get_webview_window(MAIN) else { return };
    let (said, mut focused) = watch::channel(main.is_focused().unwrap_or(false));
    main.on_window_event(move |event| {
        if let WindowEvent::Focused(now) = event {
            said.send_replace(*now);
        }
    });
    let (tell, mut drawn) = watch::channel(());
    app.manage(Drawn(tell));
    let mut view = desk.view();
    let mut wanted = false;
    loop {
        // Asked as well as told: a word of the window manager may be on its way.
        let focused_now = *focused.borrow_and_update() || main.is_focused().unwrap_or(false);
        let rings = rings(&view.borrow_and_update());
        // In the main window the card is before the operator's eyes already.
        let now = rings && !focused_now;
        if now != wanted {
            wanted = now;
            drawn.mark_unchanged();
            report(if wanted { want(&app, &main).await } else { hide(&app) });
        }
        let goes_on = tokio::select! {
            changed = view.changed() => changed.is_ok(),
            changed = focused.changed() => changed.is_ok(),
            // Only now: nobody sees an empty window, or the caller of an hour ago.
            _ = drawn.changed(), if wanted => { report(show(&app)); true }
        };
        if !goes_on {
            return;
        }
    }
}

/// The page says that it has a call to show.
pub fn drawn(app: &AppHandle) {
    if let Some(drawn) = app.try_state::<Drawn>() {
        drawn.0.send_replace(());
    }
}

fn report(outcome: tauri::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "the window of a ringing call does not obey");
    }
}

/// Its page begins to look for a call to show.
async fn want(app: &AppHandle, main: &WebviewWindow) -> tauri::Result<()> {
    if app.get_webview_window(CALL).is_none() {
        make(app, main).await?;
    } else {
        app.emit_to(CALL, "call-wanted", ())?;
    }
    place(app, main)
}

fn show(app: &AppHandle) -> tauri::Result<()> {
    app.get_webview_window(CALL).map_or(Ok(()), |window| window.show())
}

fn hide(app: &AppHandle) -> tauri::Result<()> {
    if let Some(shell) = window::shell(app)
        && let Some(task) = shell.view_tasks().remove(CALL)
    {
        task.abort();
    }
    let Some(window) = app.get_webview_window(CALL) else { return Ok(()) };
    window.hide()?;
    app.emit_to(CALL, "call-unwanted", ())
}

async fn make(app: &AppHandle, main: &WebviewWindow) -> tauri::Result<()> {
    let (done, made) = oneshot::channel();
    let on_main = app.clone();
    #[cfg(target_os = "linux")]
    main.with_webview(move |page| {
        // A web process of its own would take 90 MiB and half a second.
        let window = builder(&on_main).with_related_view(page.inner()).build();
        let _ = done.send(window.and_then(|window| as_notification(&window)));
    })?;
    // Here the pages of one program share what they can by themselves. (Not tried on a real Windows or macOS yet.)
    #[cfg(not(target_os = "linux"))]
    let _ = done.send(builder(&on_main).build().map(drop));
    // No answer: the program ends, and with it all its windows.
    made.await.unwrap_or(Ok(()))
}

fn builder(app: &AppHandle) -> WebviewWindowBuilder<'_, tauri::Wry, AppHandle> {
    let theme = window::shell(app).and_then(|shell| window::as_tauri(shell.preferences().theme));
    let mut window = WebviewWindowBuilder::new(app, CALL, WebviewUrl::App("index.html#call".into()))
        .title(i18n::gettext("Linedesk: incoming call"))
        .inner_size(SIZE.0, SIZE.1)
        // Where a window without decorations can be resized, tauri keeps clicks on its edge for that; and until GTK has heard
        // where it stands, if it ever hears, all of it is edge to tauri: half of all clicks on Answer were lost.
        .resizable(false)
        .minimizable(false)
        .maximizable(false)
        .decorations(false)
        .always_on_top(true)
        .visible_on_all_workspaces(true)
        .skip_taskbar(true)
        .focusable(false)
        .focused(false)
        // macOS: the first click answers; it is not spent on waking the window.
        .accept_first_mouse(true)
        .visible(false)
        .theme(theme)
        .on_navigation(window::is_ours);
    if let Some(color) = window::background(theme) {
        window = window.background_color(color);
    }
    window
}

/// Window managers leave the keyboard where it is and put it above all, full-screen programs too.
#[cfg(target_os = "linux")]
fn as_notification(window: &WebviewWindow) -> tauri::Result<()> {
    use gtk::prelude::{GtkWindowExt as _, WidgetExt as _};
    let window = window.gtk_window()?;
    // GTK makes one that cannot be resized as small as its contents ask for, and a page asks for nothing.
    window.set_size_request(SIZE.0 as i32, SIZE.1 as i32);
    window.set_focus_on_map(false);
    window.set_type_hint(gtk::gdk::WindowTypeHint::Notification);
    Ok(())
}

/// In the lower right corner of the screen on which the main window is, or was. (On Wayland the desktop decides.)
fn place(app: &AppHandle, main: &WebviewWindow) -> tauri::Result<()> {
    let Some(window) = app.get_webview_window(CALL) else { return Ok(()) };
    let Some(monitor) = main.current_monitor()?.or(main.primary_monitor()?) else { return Ok(()) };
    window.set_position(corner(monitor.work_area(), monitor.scale_factor()))
}

fn corner(area: &PhysicalRect<i32, u32>, scale: f64) -> PhysicalPosition<i32> {
    let from = |start: i32, length: u32, size: f64| f64::from(start) + f64::from(length) - (size + MARGIN) * scale;
    PhysicalPosition::new(
        from(area.position.x, area.size.width, SIZE.0),
        from(area.position.y, area.size.height, SIZE.1),
    )
    .cast()
}

#[cfg(test)]
mod tests {
    use tauri::PhysicalSize;

    use super::*;

    #[test]
    fn it_stands_in_the_corner_of_its_own_screen_at_any_scale() {
        let area = |x, y, width, height| PhysicalRect {
            position: PhysicalPosition::new(x, y),
            size: PhysicalSize::new(width, height),
        };
        assert_eq!(corner(&area(0, 0, 1280, 800), 1.0), PhysicalPosition::new(904, 620));
        assert_eq!(corner(&area(-2560, 40, 2560, 1400), 2.0), PhysicalPosition::new(-752, 1080));
    }
}
