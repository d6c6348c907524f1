//! Asterisk Manager Interface.
//!
//! [`codec`], [`frame`], [`action`], [`doubles`] and [`event`] do no I/O and read no clock. [`client`] and [`link`] are tokio over them.
//! Reads the dialects of Asterisk 1.8 to 22; what is not known is kept raw ([`Event::Other`]).

pub mod action;
pub mod client;
mod clock;
pub mod codec;
pub mod doubles;
mod error;
pub mod event;
pub mod frame;
mod keepalive;
pub mod link;
mod options;
mod secret;
mod steady;
mod stream;

pub use action::{Action, InvalidField};
pub use client::{Client, Events, Incoming, ListId, MAX_QUEUED_BYTES, Traffic};
pub use clock::Clock;
pub use codec::{Frame, ParseError, Parser};
pub use doubles::Doubles;
pub use error::AmiError;
pub use event::{ChannelInfo, Event, MemberInfo};
pub use frame::Message;
pub use link::{Link, LinkEvent};
pub use options::{ConnectOptions, Tls};
pub use secret::Secret;
pub use steady::now_us;
