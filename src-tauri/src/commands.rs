//! What the page may ask for: each command is one line over the workstation.

use central_api::Secret;
use serde_json::Value;
use softphone_api::{Command, Outcome};
use tauri::ipc::Channel;
use tauri::{AppHandle, State, WebviewWindow};
use workstation::host::{Answer, Method, PhoneError, RequestError, SignInForm, ViewUpdate};
use workstation::preferences::{Preferences, Theme};
use workstation::view::ConnectProblem;

use crate::shell::Shell;

/// The view: first whole, then patches. Calling it again (a page loaded anew) ends the one before of the same window.
#[tauri::command]
pub async fn view(shell: State<'_, Shell>, window: WebviewWindow, channel: Channel<ViewUpdate>) -> Result<(), String> {
    let mut updates = shell.desk.subscribe().await.map_err(|error| error.to_string())?;
    let task = tauri::async_runtime::spawn(async move {
        while let Some(update) = updates.recv().await {
            if channel.send(update).is_err() {
                return;
            }
        }
    });
    if let Some(before) = shell.view_tasks().insert(window.label().to_owned(), task) {
        before.abort();
    }
    Ok(())
}

#[tauri::command]
pub async fn sign_in(
    shell: State<'_, Shell>,
    server: String,
    username: String,
    password: Secret,
    take_over: bool,
) -> Result<(), ConnectProblem> {
    shell.desk.sign_in(SignInForm { server, username, password, take_over }).await
}

#[tauri::command]
pub async fn sign_out(shell: State<'_, Shell>) -> Result<(), ()> {
    shell.desk.sign_out().await;
    Ok(())
}

#[tauri::command]
pub async fn request(
    shell: State<'_, Shell>,
    method: Method,
    path: String,
    body: Option<Value>,
) -> Result<Answer, RequestError> {
    shell.desk.request(method, path, body).await
}

/// `{"ok": Reply}`, or the error.
#[tauri::command]
pub async fn phone(shell: State<'_, Shell>, command: Command) -> Result<Outcome, PhoneError> {
    shell.desk.phone(command).await.map(Outcome::Ok)
}

#[tauri::command]
pub fn restart_softphone(shell: State<'_, Shell>) {
    shell.desk.restart_softphone();
}

#[tauri::command]
pub fn dismiss_notice(shell: State<'_, Shell>, number: u64) {
    shell.desk.dismiss_notice(number);
}

#[tauri::command]
pub fn preferences(shell: State<'_, Shell>) -> Preferences {
    shell.preferences()
}

#[tauri::command]
pub fn set_preferences(
    app: AppHandle,
    shell: State<'_, Shell>,
    language: Option<String>,
    theme: Theme,
    told_about_tray: bool,
) -> Result<(), String> {
    let change = |now: &mut Preferences| {
        now.language = language;
        now.theme = theme;
        now.told_about_tray = told_about_tray;
    };
    shell.prefer(&app, change).map_err(|error| error.to_string())
}

/// Without `force` it asks back by the event `quit-asked` while a call runs.
#[tauri::command]
pub fn quit(app: AppHandle, force: bool) {
    crate::shell::quit(&app, force);
}

#[tauri::command]
pub fn mark(app: AppHandle, shell: State<'_, Shell>, name: String) {
    shell.timings.mark(&name);
    match name.as_str() {
        "first-paint" => crate::tray::install(&app),
        "call-drawn" => crate::call_window::drawn(&app),
        _ => {}
    }
}
