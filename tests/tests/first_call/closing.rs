//! The window is closed, the program is quit, and started again.

use anyhow::{Result, ensure};
use linedesk_tests::lab::{Caller, Customer, Desk, Lab, SHORT, program, until};

use crate::line::{ANNA, ANNA_INTERFACE, Line};

/// Titles of the windows that are seen on the display.
async fn is_visible(lab: &Lab, line: &Line) -> bool {
    let mut search = lab.command("xdotool");
    search.envs(line.desktop.environment()).args(["search", "--onlyvisible", "--name", "^Linedesk$"]);
    search.output().await.is_ok_and(|found| found.status.success() && !found.stdout.is_empty())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn closing_the_window_keeps_the_phone_and_a_second_start_brings_it_back() -> Result<()> {
    let line = Line::available("close").await?;
    ensure!(is_visible(&line.lab, &line).await, "the window should be seen at first");
    // To the display and not to the window: the window manager must take the keys.
    for arguments in [
        &["search", "--onlyvisible", "--name", "^Linedesk$", "windowactivate", "--sync"][..],
        &["key", "--clearmodifiers", "alt+F4"],
    ] {
        let mut hand = line.lab.command("xdotool");
        hand.envs(line.desktop.environment()).args(arguments);
        ensure!(hand.status().await?.success(), "xdotool cannot {arguments:?}");
    }
    // There is no tray on this desktop, so it minimises.
    until("the window is put away", SHORT, async || (!is_visible(&line.lab, &line).await).then_some(())).await?;
    let mut customer = Customer::call(&line.pbx, "700", Caller::default()).await?;
    line.desk.see("[data-part=call][data-phase=ringing]").await?;

    let mut again = line.lab.command(program("linedesk")?);
    again.envs(line.desktop.environment()).current_dir(line.desktop.home());
    let ended = tokio::time::timeout(SHORT, again.status()).await??;
    ensure!(ended.success(), "the second start should end by itself, well: {ended}");
    until("the window is back", SHORT, async || is_visible(&line.lab, &line).await.then_some(())).await?;
    ensure!(line.desk.shells().len() == 1, "there should be one shell");
    line.answer().await?;
    customer.hang_up().await?;
    line.lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn quitting_in_a_call_asks_ends_the_shift_and_the_next_start_begins_one() -> Result<()> {
    let line = Line::available("quit").await?;
    let mut customer = Customer::call(&line.pbx, "700", Caller::default()).await?;
    line.answer().await?;
    line.desk.click("[data-part=me]").await?;
    line.desk.click("[data-do=quit]").await?;
    line.desk.see("[data-part=notice][data-notice=quit-asked]").await?;
    ensure!(customer.is_talking(), "asking must not hang up");
    line.desk.click("[data-do=quit-anyway]").await?;
    customer.ended(SHORT).await?;
    until("the shell has ended", SHORT, async || line.desk.shells().is_empty().then_some(())).await?;
    until("the softphone has ended", SHORT, async || line.desk.softphones().is_empty().then_some(())).await?;
    line.pbx.member_until("support", ANNA_INTERFACE, "Anna has left support", |member| member.is_none()).await?;

    // The keyring remembers the session: nothing is asked, and a new shift begins.
    let desk = Desk::open(&line.lab, &line.desktop).await?;
    desk.see("body[data-session=signed-in]").await?;
    desk.see("[data-part=status][data-kind=preparing]").await?;
    line.pbx.registered(ANNA).await?;
    desk.click("[data-part=status]").await?;
    desk.click("[data-do=\"status-available\"]").await?;
    line.pbx
        .member_until("support", ANNA_INTERFACE, "Anna is in support again", |member| {
            member.is_some_and(|member| !member.paused)
        })
        .await?;
    line.lab.done();
    Ok(())
}
