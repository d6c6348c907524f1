//! The link to central: address, TLS, requests, and the live connection.

mod address;
mod classify;
mod client;
mod live;
mod tls;

pub(crate) use address::Server;
pub(crate) use client::{Client, Failure};
pub(crate) use live::{LinkEvent, follow};
pub(crate) use tls::trust;
