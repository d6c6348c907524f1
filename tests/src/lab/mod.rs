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
//! let central = Central::start(&lab, &pbx, &Office::demo(&pbx)).await?;
//! let mut desk = Desk::open(&lab, &desktop, &central).await?;
//! desk.sign_in("anna", "anna-password").await?;
//!
//! let speech = Speech::new(1, Duration::from_secs(4));
//! let mut customer = Customer::call(&pbx, "700", Caller::default().saying(&speech)).await?;
//! pbx.tap().event(Duration::from_secs(5), "the phone rings", |e| e.is("AgentCalled")).await?;
//! desk.click("[data-test=answer]").await?;
//! let ears = desktop.sound.listen(&lab).await?;
//! …
//! lab.done();
//! ```

mod central;
mod customer;
mod desk;
mod desktop;
mod driver;
mod pbx;
mod process;
mod scratch;
pub mod sound;
mod wait;

pub use central::{Central, Office, Person};
pub use customer::{Caller, Customer, CustomerEnd, Heard, Packet, Subscriber};
pub use desk::{Desk, DeskSettings, Headless};
pub use desktop::{Bus, Desktop, Display};
pub use driver::Driver;
pub use pbx::{AmiEvent, Member, Pbx, PbxSettings, Tap, Version};
pub use process::Process;
pub use scratch::{Lab, program, require_netns};
pub use sound::{Ears, Match, Sound, Speech};
pub use wait::{SHORT, until};
