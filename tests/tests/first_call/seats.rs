//! One operator, one workstation.

use anyhow::{Result, ensure};
use linedesk_tests::lab::{Desk, DeskSettings, Desktop, SHORT, until};

use crate::line::{ANNA, Line};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn a_second_sign_in_offers_to_move_and_does_not_double() -> Result<()> {
    let line = Line::available("second-sign-in").await?;
    let desktop = Desktop::start_named(&line.lab, "second").await?;
    let settings = DeskSettings { name: "second-shell".to_owned(), ..DeskSettings::default() };
    let second = Desk::open_with(&line.lab, &desktop, settings).await?;
    second.sign_in(&line.central, "anna", "anna-password").await?;
    second.see("[data-do=take-over]").await?;
    ensure!(line.desk.softphones().len() == 1, "asking alone must not start a second phone");
    line.desk.see("[data-part=truth-phone][data-state=ok]").await?;

    second.click("[data-do=take-over]").await?;
    second.see("body[data-session=signed-in]").await?;
    second.see("[data-part=truth-phone][data-state=ok]").await?;
    line.desk.see("body[data-session=signed-out]").await?;
    until("one softphone is left", SHORT, async || (line.desk.softphones().len() == 1).then_some(())).await?;
    let contacts = line.pbx.cli("pjsip show contacts").await?;
    let hers = contacts.lines().filter(|row| row.contains("Contact:") && row.contains(&format!("{ANNA}/"))).count();
    ensure!(hers == 1, "there should be one contact of {ANNA}:\n{contacts}");
    second.see("[data-part=status][data-kind=available]").await?;
    line.lab.done();
    Ok(())
}
