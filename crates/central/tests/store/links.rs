//! Further links of a PBX, as an administrator says them.

use crate::databases::{TestDatabase, on_both_engines};
use linedesk_central::store::{PbxRow, Store};

on_both_engines!(
    TestDatabase:
    links_are_kept_in_order_with_sealed_secrets,
    what_is_not_said_of_links_stays,
    links_that_cannot_be_are_refused_whole,
);

const MAIN: &str = "[[pbx]]\nname = \"main\"\nhost = \"10.0.0.10\"\nusername = \"linedesk\"\nsecret = \"first\"\n";

fn link(host: &str, more: &str) -> String {
    format!("[[pbx.link]]\nhost = \"{host}\"\nport = 5039\nusername = \"linedesk-2\"\n{more}\n")
}

async fn apply(store: &Store, text: &str) -> Result<(), String> {
    let input = linedesk_central::apply::parse("house.toml", text).map_err(|error| error.to_string())?;
    linedesk_central::apply::carry_out(store, &input).await.map(drop).map_err(|error| error.to_string())
}

async fn main(store: &Store) -> PbxRow {
    store.configuration().await.unwrap().pbxs.into_values().next().unwrap()
}

fn shown(pbx: &PbxRow) -> Vec<(&str, u16, bool)> {
    pbx.links.iter().map(|link| (link.host.as_str(), link.port, link.tls)).collect()
}

async fn links_are_kept_in_order_with_sealed_secrets(database: TestDatabase) {
    let store = database.store().await;
    let two = [link("10.1.0.10", "secret = \"second\""), link("127.0.0.1", "secret = \"third\"")].concat();
    apply(&store, &format!("{MAIN}{two}")).await.unwrap();
    let pbx = main(&store).await;
    // Passwords travel encrypted unless they stay on this machine.
    assert_eq!(shown(&pbx), [("10.1.0.10", 5039, true), ("127.0.0.1", 5039, false)]);
    let secrets = store.link_secrets(&pbx).unwrap();
    assert_eq!(secrets.iter().map(|secret| secret.expose()).collect::<Vec<_>>(), ["first", "second", "third"]);
    assert!(pbx.links.iter().all(|link| !link.secret.windows(6).any(|part| part == b"second")));
    // A secret is worth nothing beside another link.
    let mut mixed = pbx.clone();
    mixed.links[0].secret.clone_from(&pbx.links[1].secret);
    assert!(store.link_secrets(&mixed).is_err());

    // Turned round, and without the secrets that are known.
    let turned = [link("127.0.0.1", ""), link("10.1.0.10", "tls = false")].concat();
    apply(&store, &format!("{MAIN}{turned}")).await.unwrap();
    let pbx = main(&store).await;
    assert_eq!(shown(&pbx), [("127.0.0.1", 5039, false), ("10.1.0.10", 5039, false)]);
    let secrets = store.link_secrets(&pbx).unwrap();
    assert_eq!(secrets.iter().map(|secret| secret.expose()).collect::<Vec<_>>(), ["first", "third", "second"]);
}

async fn what_is_not_said_of_links_stays(database: TestDatabase) {
    let store = database.store().await;
    apply(&store, &format!("{MAIN}{}", link("10.1.0.10", "secret = \"second\""))).await.unwrap();
    apply(&store, MAIN).await.unwrap();
    assert_eq!(main(&store).await.links.len(), 1);
    apply(&store, &format!("{MAIN}link = []\n")).await.unwrap();
    assert_eq!(main(&store).await.links, []);
}

async fn links_that_cannot_be_are_refused_whole(database: TestDatabase) {
    let store = database.store().await;
    let known = link("10.1.0.10", "secret = \"second\"");
    apply(&store, &format!("{MAIN}{known}")).await.unwrap();
    let before = main(&store).await;
    let many: String = (0..4).map(|at| link(&format!("10.1.0.{at}"), "secret = \"s\"")).collect();
    let error = apply(&store, &format!("{MAIN}{many}")).await.unwrap_err();
    assert!(error.contains("more than 4 links"), "{error}");
    let error = apply(&store, &format!("{MAIN}{}", link("10.1.0.11", ""))).await.unwrap_err();
    assert!(error.contains("10.1.0.11:5039") && error.contains("secret"), "{error}");
    assert_eq!(main(&store).await, before);
}
