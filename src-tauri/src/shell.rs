//! The composition root of the shell.

use anyhow::Context as _;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::BufRead as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tauri::async_runtime::JoinHandle;
use tauri::{AppHandle, Manager, RunEvent};
use tauri_plugin_window_state::StateFlags;
use workstation::host::SignInForm;
use workstation::keyring::OsKeyring;
use workstation::preferences::{Preferences, PreferencesFile};
use workstation::{Handle, Options};

use crate::paths::Paths;
use crate::timings::Timings;
use crate::{attention, call_window, commands, platform, tray, window};

/// What the commands work with.
#[derive(Debug)]
pub struct Shell {
    /// The workstation.
    pub desk: Handle,
    /// Marks of the start.
    pub timings: Timings,
    preferences: PreferencesFile,
    view_tasks: Mutex<HashMap<String, JoinHandle<()>>>,
    quitting: AtomicBool,
}

impl Shell {
    /// The tasks that carry the view to the pages, by the label of their window.
    pub fn view_tasks(&self) -> MutexGuard<'_, HashMap<String, JoinHandle<()>>> {
        self.view_tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Preferences.
    pub fn preferences(&self) -> Preferences {
        self.preferences.now()
    }

    /// Takes over and keeps changed preferences.
    pub fn prefer(&self, app: &AppHandle, change: impl FnOnce(&mut Preferences)) -> std::io::Result<()> {
        let before = self.preferences();
        let kept = self.preferences.change(change);
        let new = self.preferences();
        if before.theme != new.theme {
            window::apply_theme(app, new.theme);
        }
        if before.language != new.language {
            speak(&new);
            tray::retranslate(app);
        }
        kept
    }
}

/// Runs until the program ends.
pub fn run(sign_in_from_stdin: bool, paths: Paths, timings: Timings) -> anyhow::Result<()> {
    let preferences = PreferencesFile::open(paths.preferences.clone());
    speak(&preferences.now());
    let mut single = tauri_plugin_single_instance::Builder::new().callback(|app, _, _| window::show(app));
    if paths.is_own_installation {
        // Another data directory is another installation: a demo beside the real one, tests beside each other.
        let mut hasher = DefaultHasher::new();
        paths.data_dir.hash(&mut hasher);
        single = single.dbus_id(format!("org.linedesk.Linedesk.at{:x}", hasher.finish()));
    }
    // Not "visible": who was hidden in the tray at the end should be seen at the start.
    let kept = StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED;
    let state_file = paths.data_dir.join("window.json");
    let app = tauri::Builder::default()
        .plugin(single.build())
        .plugin(
            tauri_plugin_window_state::Builder::new()
                .with_state_flags(kept)
                .with_filename(state_file.to_string_lossy())
                .with_denylist(&[call_window::CALL])
                .build(),
        )
        .invoke_handler(tauri::generate_handler![
            commands::view,
            commands::sign_in,
            commands::sign_out,
            commands::request,
            commands::phone,
            commands::restart_softphone,
            commands::dismiss_notice,
            commands::preferences,
            commands::set_preferences,
            commands::quit,
            commands::mark,
        ])
        .setup(move |app| {
            // First the window: WebKit's processes start while the workstation opens its cache.
            window::open(app.handle(), preferences.now().theme)?;
            timings.mark("window");
            let desk = tauri::async_runtime::block_on(start_workstation(&paths, preferences.clone()))?;
            timings.mark("workstation");
            app.manage(Shell {
                desk: desk.clone(),
                timings,
                preferences,
                view_tasks: Mutex::default(),
                quitting: AtomicBool::new(false),
            });
            tauri::async_runtime::spawn(attention::watch(app.handle().clone(), desk.clone()));
            tauri::async_runtime::spawn(call_window::watch(app.handle().clone(), desk.clone()));
            let handle = app.handle().clone();
            tauri::async_runtime::spawn(async move {
                platform::asked_to_end().await;
                quit(&handle, true);
            });
            if sign_in_from_stdin {
                tauri::async_runtime::spawn(sign_in(desk));
            }
            Ok(())
        })
        .build(context())
        .context("the window system cannot be used; is there a display (DISPLAY or WAYLAND_DISPLAY)?")?;
    app.run(|app, event| {
        if let RunEvent::ExitRequested { api, code: None, .. } = event {
            // The last window is gone, not the program: that ends by quitting only.
            api.prevent_exit();
            quit(app, false);
        }
    });
    Ok(())
}

async fn start_workstation(paths: &Paths, preferences: PreferencesFile) -> anyhow::Result<Handle> {
    let mut shell_command = vec![std::env::current_exe()?.to_string_lossy().into_owned()];
    // What came over the input once does not come again when the softphone starts us anew.
    shell_command.extend(std::env::args().skip(1).filter(|argument| argument != "--sign-in-from-stdin"));
    let options = Options {
        data_dir: paths.data_dir.clone(),
        runtime_dir: paths.runtime_dir.clone(),
        softphone_program: paths.softphone.clone(),
        shell_command,
        extra_ca: paths.extra_ca.clone(),
        preferences,
    };
    Ok(workstation::start(options, Arc::new(OsKeyring)).await?)
}

/// For the demo: name and password come over the input, so that they are on no command line.
async fn sign_in(desk: Handle) {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let form = match read.await {
        Ok(Ok(line)) => serde_json::from_str::<SignInForm>(&line),
        _ => return,
    };
    match form {
        Ok(form) => {
            if let Err(problem) = desk.sign_in(form).await {
                tracing::warn!(%problem, "sign-in by the input failed");
            }
        }
        // The words of the error could hold parts of the line.
        Err(_) => tracing::warn!("the line of the input is not a sign-in"),
    }
}

/// Ends the shift and the program; in a call it asks first, unless forced.
pub fn quit(app: &AppHandle, force: bool) {
    let Some(shell) = window::shell(app) else { return app.exit(0) };
    let in_a_call = shell.desk.view().borrow().calls().next().is_some();
    if in_a_call && !force {
        return window::ask_about_quitting(app);
    }
    if shell.quitting.swap(true, Ordering::SeqCst) {
        return;
    }
    let (app, desk) = (app.clone(), shell.desk.clone());
    tauri::async_runtime::spawn(async move {
        desk.quit().await;
        app.exit(0);
    });
}

/// The preferred language, else the system's.
fn speak(preferences: &Preferences) {
    let of_system = || {
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|tag| !tag.is_empty()))
    };
    i18n::set_language(&preferences.language.clone().or_else(of_system).unwrap_or_default());
}

#[expect(clippy::disallowed_methods, reason = "the macro's own code has it, for a page that cannot be unpacked")]
fn context() -> tauri::Context {
    tauri::generate_context!()
}
