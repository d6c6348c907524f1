//! A call rings while the operator types elsewhere: a small window says who, is clicked, and takes the keyboard from nobody.

use std::collections::HashMap;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, ensure};
use linedesk_tests::lab::{Caller, Customer, Process, SHORT, until};

use crate::line::{Line, rings_anna};

const NAME: &str = "^Linedesk: incoming call$";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn a_call_is_answered_beside_another_program_which_keeps_the_keyboard() -> Result<()> {
    let line = Line::available("call-window").await?;
    let _customer_base = customer_base(&line).await?;
    let keyboard = hand(&line, &["getwindowfocus"]).await?;

    let mark = line.pbx.tap().mark();
    let mut customer = Customer::call(&line.pbx, "700", Caller::default()).await?;
    let ring = line.pbx.tap().event_after(mark, SHORT, "Anna's phone rings", rings_anna).await?;
    line.desk.turn_to_second().await?;
    line.desk.see_text("[data-part=caller]", "Customer Ivanov").await?;
    line.desk.see_text("[data-part=queue-name]", "Support").await?;
    line.desk.see("[data-part=waited]").await?;
    let script = "const mark = performance.getEntriesByName('painted').at(-1); \
                  return mark ? performance.timeOrigin + mark.startTime : null";
    let painted = line.desk.page_until("the first picture of the window", SHORT, script, vec![]).await?;
    let painted = painted.as_f64().context("a time")?;
    let latency = painted - ring.wall.duration_since(UNIX_EPOCH)?.as_secs_f64() * 1000.0;
    println!("call window: {latency:.0} ms");
    ensure!(hand(&line, &["getwindowfocus"]).await? == keyboard, "the window took the keyboard");

    // The other program fills the screen: the click arrives only where the window is above it.
    click(&line, "[data-do=answer]").await?;
    line.desk.turn_back().await?;
    line.desk.see("[data-part=call][data-phase=talking]").await?;
    is_gone(&line).await?;
    ensure!(customer.is_talking(), "the customer should be answered");
    ensure!(hand(&line, &["getwindowfocus"]).await? == keyboard, "the click took the keyboard");
    customer.hang_up().await?;
    line.desk.see_no("[data-part=call]").await?;

    // The same over a minimised main window; the customer gives up, and the window goes with the call.
    line.choose_status("available").await?;
    line.status_is("available").await?;
    hand(&line, &["search", "--name", "^Linedesk$", "windowminimize", "--sync"]).await?;
    let mut next = Customer::call(&line.pbx, "700", Caller::default().named("Next")).await?;
    line.desk.turn_to_second().await?;
    line.desk.see_text("[data-part=caller]", "Next").await?;
    next.hang_up().await?;
    is_gone(&line).await?;
    ensure!(hand(&line, &["getwindowfocus"]).await? == keyboard, "the keyboard is elsewhere");
    line.lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn a_call_needs_no_second_window_while_the_main_one_has_the_keyboard() -> Result<()> {
    let line = Line::available("call-window-none").await?;
    let main = ["search", "--name", "^Linedesk$", "windowactivate", "--sync"];
    hand(&line, &main).await?;
    line.desk.page_until("the main window has the keyboard", SHORT, "return document.hasFocus()", vec![]).await?;
    let mut customer = Customer::call(&line.pbx, "700", Caller::default()).await?;
    line.desk.see("[data-part=call][data-phase=ringing]").await?;
    line.desk.see_text("[data-part=queue-name]", "Support").await?;
    ensure!(line.desk.windows().await? == 1, "there should be no second window");

    // It follows the keyboard: another program takes it, the main window gets it back.
    let _customer_base = customer_base(&line).await?;
    line.desk.turn_to_second().await?;
    line.desk.see_text("[data-part=caller]", "Customer Ivanov").await?;
    line.desk.turn_back().await?;
    hand(&line, &main).await?;
    is_gone(&line).await?;
    line.answer().await?;
    customer.hang_up().await?;
    line.lab.done();
    Ok(())
}

/// Another program, over the whole screen, with the keyboard.
async fn customer_base(line: &Line) -> Result<Process> {
    let mut command = line.lab.command("display");
    command.envs(line.desktop.environment());
    command.args(["-title", "Customers", "-size", "1280x800", "-geometry", "1280x800+0+0", "xc:gray"]);
    let program = Process::start(&line.lab, "customers", command)?;
    until("the other program has the keyboard", SHORT, async || {
        let name = hand(line, &["getwindowfocus", "getwindowname"]).await.ok()?;
        name.contains("Customers").then_some(())
    })
    .await?;
    Ok(program)
}

async fn is_gone(line: &Line) -> Result<()> {
    until("the window of the call is gone", SHORT, async || {
        let found = hand(line, &["search", "--onlyvisible", "--name", NAME]).await.unwrap_or_default();
        found.is_empty().then_some(())
    })
    .await
}

/// With the mouse of the display, on the middle of a button of the call window.
async fn click(line: &Line, css: &str) -> Result<()> {
    let place = hand(line, &["search", "--onlyvisible", "--name", NAME, "getwindowgeometry", "--shell"]).await?;
    let place: HashMap<_, _> = place.lines().filter_map(|pair| pair.split_once('=')).collect();
    let script = "const { x, y, width, height } = document.querySelector(arguments[0]).getBoundingClientRect(); \
                  return [x + width / 2, y + height / 2]";
    let middle = line.desk.eval(script, vec![css.into()]).await?;
    let at = |axis: &str, within: usize| -> Result<String> {
        let start: f64 = place.get(axis).context("the place of the window")?.parse()?;
        Ok((start + middle[within].as_f64().context("a place in the page")?).round().to_string())
    };
    hand(line, &["mousemove", "--sync", &at("X", 0)?, &at("Y", 1)?, "click", "1"]).await.map(drop)
}

/// What `xdotool` answers.
async fn hand(line: &Line, arguments: &[&str]) -> Result<String> {
    let mut command = line.lab.command("xdotool");
    let answer = command.envs(line.desktop.environment()).args(arguments).output().await?;
    ensure!(answer.status.success(), "xdotool cannot {arguments:?}: {}", String::from_utf8_lossy(&answer.stderr));
    Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}
