//! Desk phones and numbers of the world, driven by the test: real SIP over UDP, many calls at once, light enough for dozens.
//!
//! A [`Station`] is one address on the wire: a desk phone, or the far end of a trunk behind which many numbers live. A
//! [`Phone`] is one number at it. Each call of a phone is a [`Call`], and what happened in it is told by its [`Leg`]: moments by
//! the wire's own clock, which a test compares with what a PBX says.
//!
//! ```ignore
//! let anna = Phone::register(pbx.sip(), "127.1.1.1:5060".parse()?, login, "Anna").await?;
//! let world = Station::open("127.0.0.2:5080".parse()?, pbx.sip()).await?;
//! let ivan = world.number(Who::new("+74951234567", "Ivan"));
//! let mut customer = ivan.dial("700").await?;
//! let mut call = anna.rings().await?;
//! call.answer().await?;
//! customer.hears("1001").await?;
//! ```

mod agent;
mod call;
mod dialog;
mod leg;
mod registration;
mod requests;
mod station;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::mpsc;

use super::SHORT;
use super::sip::{Login, Voice};
pub use call::Call;
pub use leg::{End, Leg, Transfer};
pub use station::Station;

/// A number and the name it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// As the PBX sees it.
    pub number: String,
    /// Display name; may be empty.
    pub name: String,
    /// Host part of From; without one, the station's own address.
    pub host: Option<String>,
}

impl Who {
    /// With a name.
    pub fn new(number: &str, name: &str) -> Self {
        Self { number: number.to_owned(), name: name.to_owned(), host: None }
    }

    /// Somebody who shows nothing of themselves (RFC 3323).
    pub fn anonymous() -> Self {
        Self {
            number: "anonymous".to_owned(),
            name: "Anonymous".to_owned(),
            host: Some("anonymous.invalid".to_owned()),
        }
    }
}

/// What a phone does by itself when it is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reaction {
    /// Rings (180).
    #[default]
    Ring,
    /// Is busy (486).
    Busy,
    /// Sends the caller on (302).
    Redirect(String),
}

/// One number of a station.
#[derive(Debug)]
pub struct Phone {
    who: Who,
    station: Arc<Station>,
    line: station::Line,
    calls: AsyncMutex<mpsc::UnboundedReceiver<Call>>,
}

impl Phone {
    /// A desk phone at an address of its own, registered at a PBX. It shares no process with anybody: its address is a
    /// machine of its own as far as the PBX can tell.
    pub async fn register(pbx: SocketAddr, at: SocketAddr, login: Login, name: &str) -> Result<Self> {
        let number = login.user.clone();
        let station = Station::open(at, pbx).await?;
        station.register(login).await.with_context(|| format!("the phone {number} is not let in"))?;
        Ok(station.number(Who::new(&number, name)))
    }

    fn at(station: Arc<Station>, who: Who, line: station::Line, calls: mpsc::UnboundedReceiver<Call>) -> Self {
        Self { who, station, line, calls: AsyncMutex::new(calls) }
    }

    /// Its number, which is also the mark that others hear.
    pub fn number(&self) -> &str {
        &self.who.number
    }

    /// Its number and name.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// Dials; gives the call at once.
    pub async fn dial(&self, number: &str) -> Result<Call> {
        self.dial_as(number, &self.who).await
    }

    /// Dials, and shows another number or none.
    pub async fn dial_as(&self, number: &str, shown: &Who) -> Result<Call> {
        self.station.dial(&self.line, number, shown).await
    }

    /// Waits for the next call to this phone. It rings already, unless [`Phone::reacts`] said otherwise.
    pub async fn rings(&self) -> Result<Call> {
        let number = self.number();
        let call = tokio::time::timeout(SHORT, async { self.calls.lock().await.recv().await });
        call.await.with_context(|| format!("nobody calls {number}"))?.with_context(|| format!("{number} was unplugged"))
    }

    /// What it does by itself with the calls that come from now on.
    pub fn reacts(&self, reaction: Reaction) {
        *self.line.reaction.lock().expect("no holder panics") = reaction;
    }

    /// What it says in the calls that begin from now on. Without this it sends marks: its number, ten times a second.
    pub fn says(&self, voice: Voice) {
        *self.line.voice.lock().expect("no holder panics") = voice;
    }

    /// All its calls up to now, in order.
    pub fn legs(&self) -> Vec<Leg> {
        self.line
            .legs
            .lock()
            .expect("no holder panics")
            .iter()
            .map(|(leg, voices)| Leg { heard: voices.all(), ..leg.borrow().clone() })
            .collect()
    }

    /// Takes its registration back, as at the end of a day.
    pub async fn unregister(&self) -> Result<()> {
        self.station.unregister().await
    }
}

/// Shared by those who may add to it and who read it.
type Shared<T> = Arc<Mutex<T>>;
