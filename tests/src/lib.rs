//! End-to-end tests of Linedesk and the lab they are made with: a real Asterisk, customers who call it, a virtual sound
//! card, a display, a session bus with a keyring, and the real programs.

pub mod bench;
pub mod lab;
