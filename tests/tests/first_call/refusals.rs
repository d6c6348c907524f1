//! What goes wrong at the start: each with what failed, why, and what to do; nothing crashes.

use anyhow::{Result, ensure};
use linedesk_tests::lab::{Central, Desk, DeskSettings, Desktop, Lab, Office, Pbx, Version};

use crate::line::Line;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn signing_in_fails_in_words() -> Result<()> {
    let line = Line::idle("sign-in-fails").await?;
    line.desk.sign_in(&line.central, "anna", "wrong").await?;
    said(&line.desk, "wrong-credentials").await?;

    for (server, code) in [
        ("http://192.0.2.1", "bad-address"),
        ("https://127.0.0.1:1", "unreachable"),
        ("https://no.such.host.invalid", "unknown-host"),
    ] {
        line.desk.fill("#server", server).await?;
        line.desk.fill("#password", "x").await?;
        line.desk.click("[data-do=sign-in]").await?;
        said(&line.desk, code).await?;
    }
    // And it still works afterwards.
    line.sign_in().await?;
    line.lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn a_wrong_tls_name_is_refused_in_words() -> Result<()> {
    let lab = Lab::new("tls-name")?;
    let pbx = Pbx::start(&lab, Version::V22).await?;
    let desktop = Desktop::start(&lab).await?;
    // A certificate by an authority that the workstation trusts, for another name than the one that is asked for.
    let central = Central::start_with_tls(&lab, &Office::new(&pbx), "other.example").await?;
    let settings = DeskSettings {
        name: "shell".to_owned(),
        environment: vec![("LINEDESK_CA_FILE".to_owned(), central.authority().to_string_lossy().into_owned())],
        ..DeskSettings::default()
    };
    let desk = Desk::open_with(&lab, &desktop, settings).await?;
    desk.sign_in(&central, "anna", "anna-password").await?;
    said(&desk, "tls-name").await?;
    lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn a_wrong_sip_secret_and_a_missing_card_are_said() -> Result<()> {
    let lab = Lab::new("sip-secret")?;
    let pbx = Pbx::start(&lab, Version::V22).await?;
    let mut desktop = Desktop::start(&lab).await?;
    desktop.sound.unplug().await?;
    let mut office = Office::new(&pbx);
    office.people[0].sip_password = "wrong".to_owned();
    let central = Central::start(&lab, &office).await?;
    let desk = Desk::open(&lab, &desktop).await?;
    desk.sign_in(&central, "anna", "anna-password").await?;
    desk.see("body[data-session=signed-in]").await?;
    desk.see("[data-part=truth-phone][data-state=trouble]").await?;
    desk.see("[data-part=truth-sound][data-state=trouble]").await?;
    let problems = desk
        .eval("return [...document.querySelectorAll('[data-part=problem]')].map(e => e.textContent)", vec![])
        .await?;
    ensure!(problems.as_array().is_some_and(|all| all.len() >= 2), "two problems should be in words: {problems}");
    lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn a_taken_port_is_said_by_central() -> Result<()> {
    let lab = Lab::new("port-in-use")?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let words = Central::refuses_to_start(&lab, taken.local_addr()?).await?;
    ensure!(words.contains(&taken.local_addr()?.port().to_string()), "the port is not named: {words}");
    ensure!(words.contains("uses this port"), "the reason is not named: {words}");
    lab.done();
    Ok(())
}

/// The message on the sign-in screen has all three parts.
async fn said(desk: &Desk, code: &str) -> Result<()> {
    let problem = format!("[data-part=problem][data-problem={code}]");
    desk.see(&problem).await?;
    let text = desk.text(&problem).await?;
    let sentences = text.split(['.', '?', '!']).filter(|sentence| !sentence.trim().is_empty()).count();
    ensure!(sentences >= 2, "{code} is said too shortly: {text:?}");
    Ok(())
}
