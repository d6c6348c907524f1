//! The softphone child: a safe engine over pjsua2, and the server that lets one shell at a time drive it.
//!
//! Entry points: [`engine::spawn`] starts the thread that owns pjsua2, [`serve::run`] serves it on a local socket,
//! [`console::run`] on stdin and stdout. Pure parts: [`mos`], [`ring_tone`], [`target`], [`warnings`].
//!
//! This crate knows nothing of central, of tauri, and of what a call means to anybody.

pub mod attach;
pub mod console;
pub mod crash;
pub mod doc;
pub mod engine;
pub mod headset;
pub mod hub;
pub mod logging;
pub mod mos;
pub mod platform;
pub mod ring_tone;
pub mod serve;
pub mod shell;
pub mod target;
pub mod warnings;
pub mod wire;
