//! Names each command, so that Tauri makes a permission for each and refuses what a capability does not list.

fn main() {
    let commands = tauri_build::AppManifest::new().commands(&[
        "view",
        "sign_in",
        "sign_out",
        "request",
        "phone",
        "restart_softphone",
        "dismiss_notice",
        "preferences",
        "set_preferences",
        "quit",
        "mark",
    ]);
    if let Err(error) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(commands)) {
        // A build script speaks through its end.
        panic!("tauri.conf.json or a capability is wrong: {error:#}");
    }
}
