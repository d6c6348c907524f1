//! The window through WebDriver.
//!
//! WebKitWebDriver is attached to a window that already runs (`--target`): the test starts the shell itself, knows its
//! process, and can attach again to the shell that a softphone started after a crash. So tauri-driver is not needed.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::{Lab, Process, SHORT, until};

/// A session with a window.
#[derive(Debug)]
pub struct Driver {
    client: Client,
    /// The window that was there first.
    main: WindowHandle,
    lab: Lab,
    _process: Process,
}

/// The variables that let a window of ours be driven, and where it then listens.
pub(super) fn automation(inspector: u16) -> [(&'static str, String); 2] {
    [("WEBKIT_INSPECTOR_SERVER", format!("127.0.0.1:{inspector}")), ("TAURI_WEBVIEW_AUTOMATION", "true".to_owned())]
}

/// A port that is free now.
pub(super) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Driver {
    /// Attaches to the window that listens on `inspector`, as soon as it does.
    pub(super) async fn attach(lab: &Lab, inspector: u16) -> Result<Self> {
        until("the window's automation port", SHORT, async || {
            tokio::net::TcpStream::connect(("127.0.0.1", inspector)).await.ok().map(drop)
        })
        .await?;
        let port = free_port()?;
        let mut driver = lab.command("WebKitWebDriver");
        driver.arg(format!("--port={port}")).arg(format!("--target=127.0.0.1:{inspector}"));
        let mut process = Process::start(lab, "webdriver", driver)?;
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("browserName".to_owned(), json!("wry"));
        let client = until("a WebDriver session with the window", SHORT, async || {
            let _ = process.must_run();
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities.clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
                .inspect_err(|error| tracing::debug!(%error, "no session yet"))
                .ok()
        })
        .await?;
        let main = client.window().await?;
        Ok(Self { client, main, lab: lab.clone(), _process: process })
    }

    /// The session, for what has no word here.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How many windows the program has.
    pub async fn windows(&self) -> Result<usize> {
        Ok(self.client.windows().await?.len())
    }

    /// Turns to the second window as soon as there is one; all words are about that one then, until [`Driver::turn_back`].
    pub async fn turn_to_second(&self) -> Result<()> {
        until("a second window of the program", SHORT, async || {
            let second = self.client.windows().await.ok()?.into_iter().find(|window| *window != self.main)?;
            self.client.switch_to_window(second).await.ok()
        })
        .await
    }

    /// Turns to the first window.
    pub async fn turn_back(&self) -> Result<()> {
        Ok(self.client.switch_to_window(self.main.clone()).await?)
    }

    /// Runs `return …` in the page.
    pub async fn eval(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.client.execute(script, arguments).await.with_context(|| format!("the page cannot run {script:?}"))
    }

    /// Waits until something of this selector is there and visible.
    pub async fn see(&self, css: &str) -> Result<()> {
        self.see_within(css, SHORT).await
    }

    /// [`Driver::see`] with a deadline of one's own.
    pub async fn see_within(&self, css: &str, deadline: Duration) -> Result<()> {
        self.page_until(&format!("{css} is seen"), deadline, VISIBLE, vec![json!(css)]).await.map(drop)
    }

    /// Waits until nothing of this selector is seen.
    pub async fn see_no(&self, css: &str) -> Result<()> {
        let script = format!("return !(() => {{ {VISIBLE} }})()");
        self.page_until(&format!("{css} is gone"), SHORT, &script, vec![json!(css)]).await.map(drop)
    }

    /// Waits until the text of the first such element contains `part`; gives the whole text.
    pub async fn see_text(&self, css: &str, part: &str) -> Result<String> {
        let script = "const e = document.querySelector(arguments[0]); return e && e.textContent.includes(arguments[1]) ? e.textContent : null";
        let found =
            self.page_until(&format!("{css} says {part:?}"), SHORT, script, vec![json!(css), json!(part)]).await?;
        Ok(found.as_str().unwrap_or_default().trim().to_owned())
    }

    /// Text of the first such element, now.
    pub async fn text(&self, css: &str) -> Result<String> {
        let script = "const e = document.querySelector(arguments[0]); return e && e.textContent";
        let text = self.eval(script, vec![json!(css)]).await?;
        text.as_str().map(|text| text.trim().to_owned()).with_context(|| format!("there is no {css}"))
    }

    /// An attribute of the first such element, now.
    pub async fn attribute(&self, css: &str, name: &str) -> Result<Option<String>> {
        let script = "const e = document.querySelector(arguments[0]); return e && e.getAttribute(arguments[1])";
        Ok(self.eval(script, vec![json!(css), json!(name)]).await?.as_str().map(str::to_owned))
    }

    /// Waits until it is there, then clicks it as a mouse would.
    pub async fn click(&self, css: &str) -> Result<()> {
        self.see(css).await?;
        // A list that moves can put another element in its place between the look and the click; then look again.
        until(&format!("a click on {css}"), SHORT, async || {
            let element = self.client.find(Locator::Css(css)).await.ok()?;
            element.click().await.ok()
        })
        .await
        .map_err(|error| error.context(format!("cannot click {css}")))
    }

    /// Waits for a field, empties it and types.
    pub async fn fill(&self, css: &str, text: &str) -> Result<()> {
        self.see(css).await?;
        let field = self.client.find(Locator::Css(css)).await?;
        field.clear().await?;
        field.send_keys(text).await?;
        Ok(())
    }

    /// Waits until a list has an option of this text (which has no quotes), then chooses it as a mouse would.
    pub async fn choose(&self, css: &str, option: &str) -> Result<()> {
        let script =
            "return [...document.querySelectorAll(`${arguments[0]} option`)].some(o => o.text === arguments[1])";
        self.page_until(&format!("{css} offers {option:?}"), SHORT, script, vec![json!(css), json!(option)]).await?;
        let list = self.client.find(Locator::Css(css)).await?;
        list.select_by_label(option).await.with_context(|| format!("cannot choose {option:?} in {css}"))
    }

    /// Types into whatever has the focus (`'\u{e039}'` is F9 in WebDriver's words).
    pub async fn type_keys(&self, keys: &str) -> Result<()> {
        self.client.active_element().await?.send_keys(keys).await?;
        Ok(())
    }

    /// Waits until a script of the page gives something true; looks from within the page at each frame, so that the answer
    /// is there as soon as the page shows it.
    pub async fn page_until(
        &self,
        what: &str,
        deadline: Duration,
        script: &str,
        arguments: Vec<Value>,
    ) -> Result<Value> {
        let watch = format!(
            "const done = arguments[arguments.length - 1]; const rest = Array.from(arguments).slice(0, -2); \
             const end = performance.now() + arguments[arguments.length - 2]; const look = function () {{ {script} }}; \
             const step = () => {{ let found; try {{ found = look.apply(null, rest) }} catch (error) {{ found = null }} \
             if (found) {{ observer.disconnect(); clearInterval(timer); done(found) }} \
             else if (performance.now() > end) {{ observer.disconnect(); clearInterval(timer); done(null) }} }}; \
             const observer = new MutationObserver(step); \
             observer.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }}); \
             const timer = setInterval(step, 50); step();"
        );
        let started = std::time::Instant::now();
        loop {
            let left = deadline.saturating_sub(started.elapsed());
            // WebDriver ends a script after 30 s.
            let turn = left.min(Duration::from_secs(20));
            let mut all = arguments.clone();
            all.push(json!(u64::try_from(turn.as_millis())?));
            let found = self
                .client
                .execute_async(&watch, all)
                .await
                .with_context(|| format!("the page cannot be watched: {what}"))?;
            if !found.is_null() {
                return Ok(found);
            }
            if started.elapsed() >= deadline {
                let picture = self.picture("missed").await.unwrap_or_default();
                let text = self.eval("return document.body.innerText", vec![]).await.unwrap_or_default();
                bail!(
                    "waited {deadline:?} in vain in the window: {what}\n  picture: {picture}\n  it says:\n{}",
                    text.as_str().unwrap_or_default()
                );
            }
        }
    }

    /// Saves a picture of the window in the lab's logs; gives its path.
    pub async fn picture(&self, name: &str) -> Result<String> {
        let path = self.lab.path().join("logs").join(format!("{name}.png"));
        std::fs::write(&path, self.client.screenshot().await?)?;
        Ok(path.to_string_lossy().into_owned())
    }
}

const VISIBLE: &str = "const e = document.querySelector(arguments[0]); return !!e && e.getClientRects().length > 0";
