//! The lab. Everything in it is real but the wires.
//!
//! A test makes a [`Lab`] and starts what it needs in it; what was started ends with it, by whatever way the test ends.
//! Run it inside a network namespace of its own (`cargo xtask test` does), so that ports are fixed and nothing of the
//! machine is touched.
//!
//! ```ignore
//! let lab = Lab::new("answer")?;
//! let pbx = Pbx::start(&lab, Version::V22).await?;
//! let desktop = Desktop::start(&lab).await?;
//! let central = Central::start(&lab, &Office::new(&pbx)).await?;
//! let mut desk = Desk::open(&lab, &desktop).await?;
//! desk.sign_in(&central, "anna", "anna-password").await?;
//!
//! let speech = Speech::new(1, Duration::from_secs(4));
//! let mark = pbx.tap().mark();
//! let mut customer = Customer::call(&pbx, "700", Caller::default().saying(&speech)).await?;
//! pbx.tap().event_after(mark, SHORT, "the phone rings", |event| event.is("AgentCalled")).await?;
//! desk.click("[data-do=answer]").await?;
//! let ears = desktop.sound.listen().await?;
//! …
//! lab.done();
//! ```

pub mod calls;
mod central;
mod certificate;
mod customer;
mod desk;
mod desktop;
mod driver;
mod pbx;
mod phone;
mod postgres;
mod process;
mod relay;
mod scratch;
mod sip;
pub mod sound;
mod wait;

pub use central::{Central, Office, Person};
pub use customer::{Caller, Customer, CustomerEnd, Subscriber};
pub use desk::{Desk, DeskSettings, Headless};
pub use desktop::{Bus, Desktop, Display};
pub use driver::Driver;
pub use pbx::{AmiEvent, Member, Pbx, PbxSettings, Tap, Version, sip_password};
pub use phone::{Call, End, Leg, Phone, Reaction, Station, Transfer, Who};
pub use postgres::Postgres;
pub use process::Process;
pub use relay::Relay;
pub use scratch::{Lab, program, require_netns};
pub use sip::{Direction, Heard, Hearing, Login, Message, Packet, Voice, token};
pub use sound::{Ears, Match, Sound, Speech};
pub use wait::{SHORT, until};
