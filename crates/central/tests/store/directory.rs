//! What an administrator says of the house, and what the directory made of it answers.

use crate::databases::{TestDatabase, on_both_engines};
use calls::{Directory as _, Who};
use central_api::PbxId;
use linedesk_central::directory::{Directory, Known, pbx_ix};
use linedesk_central::store::{Store, StoreError};
use std::collections::BTreeMap;

on_both_engines!(
    TestDatabase:
    an_endpoint_is_a_phone_or_a_line_or_nobodys,
    pbxs_that_are_joined_are_one_federation,
    what_is_said_twice_is_there_once,
    what_cannot_be_is_refused_whole,
    a_mirror_has_the_same_numbers,
    a_number_is_read_by_the_rules_of_its_line,
    plans_that_cannot_work_are_refused,
    a_line_without_its_other_end_is_told,
);

/// Two PBXs with a line between them, a mirror of the first, and one alone.
pub const HOUSE: &str = r#"
[[pbx]]
name = "main"
host = "main.example"
username = "u"
secret = "s"
[[pbx.line]]
name = "city"
endpoint = "pjsip/trunk-a"
[[pbx.line]]
name = "e1"
endpoint = "DAHDI/i1/*"
[[pbx.line]]
name = "station"
endpoint = "PJSIP/station"
to_pbx = "station"

[[pbx]]
name = "station"
host = "station.example"
username = "u"
secret = "s"
[[pbx.line]]
name = "main"
endpoint = "SIP/main"
to_pbx = "main"

[[pbx]]
name = "alone"
host = "alone.example"
username = "u"
secret = "s"

[[queue]]
pbx = "main"
queue = "support"

[[user]]
username = "anna"
[[user.phone]]
pbx = "main"
number = "101"
secret = "s"
[[user.member]]
pbx = "main"
queue = "support"
interface = "Local/101@from-queue/n"
state_interface = "hint:101@ext-local"

[[user]]
username = "boris"
[[user.member]]
pbx = "main"
queue = "support"
interface = "SIP/desk-7"
"#;

pub async fn apply(store: &Store, text: &str) -> Result<Vec<String>, StoreError> {
    let input = linedesk_central::apply::parse("test", text).unwrap();
    let hash = |name: &str| (name.to_owned(), "no hash, nobody signs in with it".to_owned());
    store.apply(&input, &BTreeMap::from(["anna", "boris", "olga"].map(hash)), 1_000).await
}

pub async fn house(database: &TestDatabase, text: &str) -> (Store, Directory) {
    let store = database.store().await;
    assert_eq!(apply(&store, text).await.unwrap(), [""; 0]);
    let directory = store.directory().await.unwrap();
    (store, directory)
}

pub async fn pbx(store: &Store, name: &str) -> PbxId {
    let config = store.configuration().await.unwrap();
    config.pbxs.values().find(|pbx| pbx.name == name).unwrap().id
}

async fn an_endpoint_is_a_phone_or_a_line_or_nobodys(database: TestDatabase) {
    let (store, directory) = house(&database, HOUSE).await;
    for (pbx_name, endpoint, who) in [
        ("main", "PJSIP/101", Who::Phone),
        ("main", "SIP/101", Who::Phone),
        ("main", "SIP/desk-7", Who::Phone),
        ("main", "PJSIP/trunk-a", Who::Trunk),
        ("main", "DAHDI/i1/84951234567", Who::Trunk),
        ("main", "DAHDI/i2/84951234567", Who::Unknown),
        ("main", "PJSIP/station", Who::OtherPbx),
        ("station", "SIP/main", Who::OtherPbx),
        ("station", "PJSIP/101", Who::Unknown),
        ("station", "PJSIP/trunk-a", Who::Unknown),
        ("alone", "PJSIP/101", Who::Unknown),
        ("main", "", Who::Unknown),
    ] {
        assert_eq!(directory.who(pbx_ix(pbx(&store, pbx_name).await), endpoint), who, "{pbx_name} {endpoint}");
    }
    assert_eq!(directory.who(calls::PbxIx(99), "PJSIP/101"), Who::Unknown, "no such PBX");
    let main = pbx(&store, "main").await;
    let Some(Known::Line(line, Who::Trunk)) = directory.find(main, "PJSIP/trunk-a") else { panic!("no line") };
    assert_eq!(directory.line(line).unwrap().name, "city");
    let config = store.configuration().await.unwrap();
    let anna = config.users.values().find(|row| row.user.username == "anna").unwrap().user.id;
    let support = directory.queue(main, "support").unwrap();
    assert_eq!(directory.member(main, support, "Local/101@from-queue/n"), Some(anna));
    assert_eq!(directory.member(main, support, "Local/102@from-queue/n"), None);
}

async fn pbxs_that_are_joined_are_one_federation(database: TestDatabase) {
    let (store, directory) = house(&database, HOUSE).await;
    let [main, station, alone] = [pbx(&store, "main").await, pbx(&store, "station").await, pbx(&store, "alone").await];
    let sets: Vec<Vec<PbxId>> = directory.federations().iter().map(|set| set.pbxs.iter().copied().collect()).collect();
    assert_eq!(sets, [vec![main, station], vec![alone]]);
    assert_eq!(directory.federations()[0].first, main);
}

async fn what_is_said_twice_is_there_once(database: TestDatabase) {
    let (store, _) = house(&database, HOUSE).await;
    let before = store.configuration().await.unwrap();
    let (_, again) = house(&database, HOUSE).await;
    assert_eq!(again.revision(), before.tenant.revision + 1);
    assert_eq!(store.configuration().await.unwrap().house, before.house);
    // Two lines change places.
    let swapped = r#"
[[pbx]]
name = "main"
host = "main.example"
username = "u"
[[pbx.line]]
name = "city"
endpoint = "DAHDI/i1/*"
[[pbx.line]]
name = "e1"
endpoint = "PJSIP/trunk-a"
"#;
    apply(&store, swapped).await.unwrap();
    let now = store.configuration().await.unwrap().house;
    let ids = |house: &linedesk_central::directory::House| house.lines.keys().copied().collect::<Vec<_>>();
    assert_eq!(ids(&now), ids(&before.house), "own ids stay");
    let endpoint = |name: &str| now.lines.values().find(|line| line.name == name).unwrap().endpoint.to_string();
    assert_eq!(
        [endpoint("city"), endpoint("e1"), endpoint("station")],
        ["DAHDI/i1/*", "PJSIP/trunk-a", "PJSIP/station"]
    );
}

async fn what_cannot_be_is_refused_whole(database: TestDatabase) {
    let (store, _) = house(&database, HOUSE).await;
    let before = store.configuration().await.unwrap();
    let line = |keys: &str| {
        format!("[[pbx]]\nname = \"main\"\nhost = \"elsewhere.example\"\nusername = \"u\"\n[[pbx.line]]\n{keys}\n")
    };
    for (keys, why) in [
        ("name = \"x\"\nendpoint = \"trunk-b\"", "no technology before a slash"),
        ("name = \"\"\nendpoint = \"PJSIP/b\"", "has no name"),
        ("name = \"x\"\nendpoint = \"PJSIP/b\"\nto_pbx = \"nowhere\"", "there is no PBX nowhere"),
        ("name = \"x\"\nendpoint = \"PJSIP/b\"\nto_pbx = \"main\"", "cannot lead to its own PBX"),
        ("name = \"x\"\nendpoint = \"PJSIP/101\"", "the phone of anna"),
        ("name = \"x\"\nendpoint = \"SIP/desk-7\"", "the phone of boris"),
        ("name = \"x\"\nendpoint = \"PJSIP/trunk-a\"", "the lines city and x"),
    ] {
        let refused = apply(&store, &line(keys)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Input(_)) && refused.to_string().contains(why), "{keys}: {refused}");
    }
    assert_eq!(store.configuration().await.unwrap(), before);
}

/// HOUSE with a plan for two of its PBXs, and a mirror of one.
const PLANS: &str = r#"
[[number-plan]]
name = "moscow"
preset = "russia"
area_code = "495"
extensions = ["_1XX"]
[number-plan.dial]
outside_prefix = "9"
[number-plan.trunks.city]
sends = "e164"
[number-plan.trunks.others]
sends = "national"

[[pbx]]
name = "main"
host = "main.example"
username = "u"
number_plan = "moscow"
[[pbx.line]]
name = "e1"
endpoint = "DAHDI/i1/*"
trunk = "others"

[[pbx]]
name = "twin"
host = "twin.example"
username = "u"
secret = "s"
number_plan = "moscow"
mirror_of = "main"
"#;

async fn a_mirror_has_the_same_numbers(database: TestDatabase) {
    house(&database, HOUSE).await;
    let (store, directory) = house(&database, PLANS).await;
    let [main, twin, alone] = [pbx(&store, "main").await, pbx(&store, "twin").await, pbx(&store, "alone").await];
    assert_eq!([main, twin, alone].map(|pbx| directory.object(pbx)), [main, main, alone]);
    assert_eq!(calls::Directory::object(&directory, pbx_ix(twin)), pbx_ix(main));
    assert_eq!(directory.who(pbx_ix(twin), "PJSIP/101"), Who::Phone);
    assert_eq!(directory.find(twin, "PJSIP/101"), directory.find(main, "PJSIP/101"));
    assert_eq!(directory.queue(twin, "support"), directory.queue(main, "support"));
    assert_eq!(directory.who(pbx_ix(twin), "PJSIP/trunk-a"), Who::Unknown, "a line is of one PBX");
    assert_eq!(directory.federations()[0].pbxs, [main, pbx(&store, "station").await, twin].into());
    // Taken back, it is a PBX of its own.
    apply(&store, "[[pbx]]\nname = \"twin\"\nhost = \"twin.example\"\nusername = \"u\"\nmirror_of = \"\"")
        .await
        .unwrap();
    let directory = store.directory().await.unwrap();
    assert_eq!(directory.who(pbx_ix(twin), "PJSIP/101"), Who::Unknown);
    assert!(directory.plan(twin).is_some(), "what is not named stays");
}

async fn a_number_is_read_by_the_rules_of_its_line(database: TestDatabase) {
    house(&database, HOUSE).await;
    let (store, directory) = house(&database, PLANS).await;
    let main = pbx(&store, "main").await;
    let read = |endpoint: &str, text: &str| {
        let plan = directory.plan(main).unwrap();
        linedesk_central::numbers::read(plan, directory.seen(main, endpoint), text).number.shown()
    };
    assert_eq!(read("PJSIP/trunk-a", "4930123456"), "+49 30 123456", "by the rules of its name");
    assert_eq!(read("DAHDI/i1/1", "4930123456"), "+7 493 012-34-56", "by the rules that it names");
    assert_eq!(read("PJSIP/unheard-of", "84951234567"), "+7 495 123-45-67", "by the plan's own");
    assert_eq!(read("PJSIP/101", "102"), "102");
    assert!(directory.plan(pbx(&store, "alone").await).is_none());
}

async fn plans_that_cannot_work_are_refused(database: TestDatabase) {
    house(&database, HOUSE).await;
    let (store, _) = house(&database, PLANS).await;
    let before = store.configuration().await.unwrap();
    let pbx = |keys: &str| format!("[[pbx]]\nname = \"alone\"\nhost = \"a.example\"\nusername = \"u\"\n{keys}\n");
    let plan = |keys: &str| format!("[[number-plan]]\nname = \"moscow\"\npreset = \"russia\"\n{keys}\n");
    for (text, why) in [
        (pbx("number_plan = \"nowhere\""), "there is none of this name"),
        (pbx("mirror_of = \"nowhere\""), "there is no PBX nowhere"),
        (pbx("mirror_of = \"alone\"\nnumber_plan = \"moscow\""), "a mirror of itself"),
        (pbx("mirror_of = \"main\""), "do not name one number plan"),
        (plan("international_prefixes = []\n[number-plan.trunks.others]"), "no other country can be dialled"),
        (plan(""), "cannot go by the rules of others"),
    ] {
        let refused = apply(&store, &text).await.unwrap_err();
        assert!(matches!(refused, StoreError::Input(_)) && refused.to_string().contains(why), "{text}: {refused}");
    }
    assert_eq!(store.configuration().await.unwrap(), before);
    // What works, perhaps not as meant, is taken and said once.
    let odd = plan("extensions = [\"_1XX\"]\n[number-plan.trunks.others]");
    let warnings = apply(&store, &odd).await.unwrap();
    assert!(
        warnings.iter().any(|text| text.starts_with("the number plan moscow: some numbers are an extension")),
        "{warnings:?}"
    );
    assert_eq!(apply(&store, &odd).await.unwrap(), [""; 0]);
}

async fn a_line_without_its_other_end_is_told(database: TestDatabase) {
    let (store, _) = house(&database, HOUSE).await;
    let one_end = "[[pbx]]\nname = \"alone\"\nhost = \"h\"\nusername = \"u\"\n[[pbx.line]]\nname = \"to-main\"\n\
                   endpoint = \"PJSIP/main\"\nto_pbx = \"main\"\n";
    let warnings = apply(&store, one_end).await.unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("the line to-main of the PBX alone leads to main, where no line leads back"),
        "{warnings:?}"
    );
    assert_eq!(store.directory().await.unwrap().federations().len(), 1, "they belong together all the same");
}

/// Whoever copies from the manual must not be refused.
#[test]
fn the_examples_of_the_manual_are_understood() {
    let manual = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/admin");
    for (page, examples) in [("directory.md", 4), ("classification.md", 1), ("numbers.md", 1), ("central.md", 1)] {
        let text = std::fs::read_to_string(manual.join(page)).unwrap();
        let blocks = text.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap());
        // Parts of a file are told in words beside it.
        let whole: Vec<&str> = blocks.filter(|block| block.starts_with('[')).collect();
        assert_eq!(whole.len(), examples, "{page}");
        for block in whole {
            linedesk_central::apply::parse(page, block).unwrap_or_else(|error| panic!("{error}\n{block}"));
        }
    }
}
