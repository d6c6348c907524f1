//! The TypeScript of everything that the window speaks: the view, central's contract, the softphone's contract.

use std::any::TypeId;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use ts_rs::{Config, TS, TypeVisitor};

/// The whole file `ui/src/generated/contract.ts`.
///
/// # Panics
/// When two different types have one name: then one of them must be renamed in Rust.
#[must_use]
pub fn contract() -> String {
    let config = Config::new().with_large_int("number");
    let mut all = Collected { config: &config, seen: HashSet::new(), by_name: BTreeMap::new() };
    all.visit::<crate::view::View>();
    all.visit::<crate::host::ViewUpdate>();
    all.visit::<crate::host::SignInForm>();
    all.visit::<crate::host::Method>();
    all.visit::<crate::host::Answer>();
    all.visit::<crate::host::RequestError>();
    all.visit::<crate::host::PhoneError>();
    all.visit::<crate::preferences::Preferences>();
    // Named only inside `#[ts(type = …)]`, so nothing depends on them.
    all.visit::<central_api::MeState>();
    all.visit::<central_api::Membership>();
    all.visit::<central_api::PhoneAtPbx>();
    all.visit::<central_api::PbxLink>();
    all.visit::<central_api::CallInfo>();
    all.visit::<crate::view::AccountView>();
    all.visit::<softphone_api::SoundTest>();
    all.visit::<central_api::QueuesState>();
    all.visit::<central_api::QueueFigures>();
    all.visit::<central_api::live::Resume>();
    // The rest of central's contract.
    all.visit::<central_api::SignIn>();
    all.visit::<central_api::SignedIn>();
    all.visit::<central_api::StatusWish>();
    all.visit::<central_api::MembershipWish>();
    all.visit::<central_api::SoftphoneProfile>();
    all.visit::<central_api::session::LostCalls>();
    all.visit::<central_api::ToLive>();
    all.visit::<central_api::FromLive>();
    // And of the softphone's.
    all.visit::<softphone_api::ToSoftphone>();
    all.visit::<softphone_api::FromSoftphone>();

    let mut text = String::from(
        "// Generated from Rust by `cargo xtask codegen` (linedesk-headless typescript). Do not edit: it is checked current.\n",
    );
    let _ =
        writeln!(text, "\n/** Every path of central begins with it. */\nexport const BASE = {:?};", central_api::BASE);
    let _ = writeln!(
        text,
        "\n/** Version of the contract with central. */\nexport const PROTOCOL = {};",
        central_api::PROTOCOL
    );
    for (docs, declaration) in all.by_name.values() {
        text.push('\n');
        if let Some(docs) = docs {
            text.push_str(docs);
        }
        let _ = writeln!(text, "export {declaration}");
    }
    text
}

struct Collected<'a> {
    config: &'a Config,
    seen: HashSet<TypeId>,
    by_name: BTreeMap<String, (Option<String>, String)>,
}

impl TypeVisitor for Collected<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        // Types without a path of their own are primitives, maps, boxes: what is in them is visited, they are not named.
        if T::output_path().is_some() {
            let declaration = T::decl(self.config);
            let name = T::ident(self.config);
            let docs = T::docs().map(|docs| if docs.ends_with('\n') { docs } else { docs + "\n" });
            if let Some((_, before)) = self.by_name.insert(name.clone(), (docs, declaration.clone())) {
                assert_eq!(before, declaration, "two different types are named {name}");
            }
        }
        T::visit_dependencies(self);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_contract_names_what_the_window_needs() {
        let text = super::contract();
        for part in [
            "export type View = ",
            "export type MeState = ",
            "export type Command = ",
            "memberships: Record<string, Membership>",
            "\"do\": \"hang-up\"",
            "\"state\": \"signed-out\"",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!text.contains("bigint"), "numbers are safe in JavaScript");
    }

    #[test]
    fn the_committed_file_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/src/generated/contract.ts");
        let committed = std::fs::read_to_string(path).expect("ui/src/generated/contract.ts is committed");
        assert_eq!(committed, super::contract(), "run: cargo xtask codegen");
    }
}
