use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;

use super::{Blank as _, InFiles, Theirs, forget};
use crate::collector::tests::{House, raw_of};
use crate::collector::{Again, House as Known, Raw, Teller};
use crate::store::Asked;
use crate::store::databases::{TestDatabase, on_both_engines};

on_both_engines!(TestDatabase: raw_material_without_a_customer_tells_the_same_calls);

fn asked(number: &str) -> Asked<'_> {
    Asked { number, plans: &[], likely: false, who: "cli:root", now_ms: 1 }
}

#[test]
fn a_number_goes_wherever_it_stands() {
    let theirs = Theirs::new(asked("+79161112233"), vec!["45 04 778899".to_owned()]);
    for (text, hides) in [
        ("79161112233", true),
        ("+79161112233", true),
        ("PJSIP/79161112233@trunk-a", true),
        ("DAHDI/i1/79161112233-3", true),
        ("+7 916 111-22-33", true),
        ("from-79161112233-to", true),
        ("79161112234", false),
        ("1795176000.23", false),
        ("700", false),
        ("", false),
    ] {
        let new = theirs.text(text);
        assert_eq!(new.is_some(), hides, "{text}");
        if let Some(new) = new {
            assert!(!new.contains("1112233") && !new.contains("111-22"), "{new}");
        }
    }
    assert_eq!(theirs.text("a79161112233").unwrap(), format!("a{}", theirs.in_place_of("79161112233")));
    let event = theirs.value("Number=79161112233\nPassport=45 04 778899\nReason=busy").unwrap();
    assert_eq!(event, format!("Number={}\nPassport=\nReason=busy", theirs.in_place_of("79161112233")));
    assert_eq!(theirs.value("45 04 778899").as_deref(), Some(""));
    assert_eq!(theirs.value("busy"), None);
}

fn texts(directory: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    for file in std::fs::read_dir(directory).unwrap() {
        GzDecoder::new(std::fs::File::open(file.unwrap().path()).unwrap()).read_to_end(&mut text).unwrap();
    }
    text
}

fn has(text: &[u8], number: &str) -> bool {
    text.windows(number.len()).any(|window| window == number.as_bytes())
}

async fn raw_material_without_a_customer_tells_the_same_calls(database: TestDatabase) {
    let (store, data) = (database.store().await, tempfile::tempdir().unwrap());
    let (told, now_ms) = raw_of(&data.path().join("calls"), calls::PbxIx(0), 3, false);
    store.put_calls(&told, now_ms).await.unwrap();
    let customer = &told[0].call.parties[told[0].call.caller];
    let (number, name) = (customer.number.clone().unwrap(), customer.name.clone().unwrap_or_default());
    let raw = data.path().join("calls/raw/0");
    assert!(has(&texts(&raw), &number));
    let values = store.personal_values(asked(&number)).await.unwrap();
    assert_eq!(forget(data.path(), asked(&number), values).unwrap(), InFiles { blanked: 1, refused: 0 });
    let after = texts(&raw);
    assert!(!has(&after, &number) && (name.is_empty() || !has(&after, &name)), "{number} {name}");
    assert_eq!(forget(data.path(), asked(&number), Vec::new()).unwrap(), InFiles::default(), "nothing is left");

    // What is told of it is the same but for who it was.
    let mut again = Vec::new();
    let raw = Raw::in_directory(&raw);
    raw.tell_again((0, i64::MAX), calls::Assembly::new(), &House, |ended| again.push(ended)).unwrap();
    again.sort_by_key(|ended| ended.id);
    assert_eq!(again.len(), 3);
    for (again, first) in again.iter().zip(&told) {
        let stand_in = again.call.parties[again.call.caller].number.clone().unwrap();
        assert!(stand_in.starts_with("+00000"), "{stand_in}");
        let text = first.call.to_string().replace(&number, &stand_in).replace(&format!(" ({name})"), "");
        assert_eq!((again.id, again.call.to_string().replace(&format!(" ({name})"), "")), (first.id, text));
        assert_eq!(again.call.joins, first.call.joins);
    }
    assert_eq!(store.forget_customer(asked(&number)).await.unwrap().calls, 3);
    let house = Known { federations: Vec::new(), directory: std::sync::Arc::new(House), attributes: Vec::new() };
    let teller = Teller { store: &store, data_dir: data.path(), house: &house };
    assert_eq!(teller.tell(0, i64::MAX, now_ms).await.unwrap(), Again { same: 3, ..Again::default() });
}
