//! Accounts at the border.
#![expect(unsafe_code, reason = "the border to pjsua2's C shim; each block says why it is sound")]

use std::ffi::c_char;
use std::net::{IpAddr, SocketAddr};

use pjproject_sys as sys;
use softphone_api::CallId;

use super::{Phone, Result, c, checked};

/// pjlib's number of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NativeAccount(pub(super) i32);

/// Everything an account needs at the border; strings are checked for NUL there.
#[derive(Debug)]
pub(crate) struct AccountSettings<'a> {
    pub(crate) id: String,
    pub(crate) registrar: String,
    pub(crate) auth_user: &'a str,
    pub(crate) password: &'a softphone_api::Secret,
    pub(crate) ca_file: &'a str,
    pub(crate) expires_s: u32,
    pub(crate) transport: softphone_api::Transport,
    pub(crate) encryption: softphone_api::Encryption,
    pub(crate) encryption_optional: bool,
    pub(crate) ipv6: bool,
    pub(crate) nat: &'a softphone_api::Nat,
}

/// A server as it is told to pjlib: the texts that route there, and where that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// Of the next hop.
    pub(crate) first: String,
    /// Of the server behind it, when the next hop is a proxy.
    pub(crate) behind: Option<String>,
    /// Host and port as they stand in `first`.
    pub(crate) name: String,
    pub(crate) port: u16,
    /// Where the next hop is.
    pub(crate) at: SocketAddr,
}

fn transport(transport: softphone_api::Transport) -> i32 {
    (match transport {
        softphone_api::Transport::Udp => sys::LD_UDP,
        softphone_api::Transport::Tcp => sys::LD_TCP,
        softphone_api::Transport::Tls => sys::LD_TLS,
    }) as i32
}

impl Phone {
    pub(crate) fn account_add(&self, a: &AccountSettings<'_>) -> Result<NativeAccount> {
        let (id, registrar) = (c(&a.id)?, c(&a.registrar)?);
        let (auth_user, password, ca_file) = (c(a.auth_user)?, c(a.password.expose())?, c(a.ca_file)?);
        let turn = a.nat.turn.as_ref();
        let turn_user = c(turn.map_or("", |t| t.user.as_str()))?;
        let turn_password = c(turn.map_or("", |t| t.password.expose()))?;
        let account = sys::ld_account {
            id: id.as_ptr(),
            registrar: registrar.as_ptr(),
            auth_user: auth_user.as_ptr(),
            password: password.as_ptr(),
            ca_file: ca_file.as_ptr(),
            expires_s: a.expires_s,
            transport: transport(a.transport),
            srtp: match a.encryption {
                softphone_api::Encryption::Off => sys::LD_SRTP_OFF,
                softphone_api::Encryption::Sdes => sys::LD_SRTP_SDES,
                softphone_api::Encryption::Dtls => sys::LD_SRTP_DTLS,
            } as i32,
            srtp_optional: a.encryption_optional,
            ipv6: a.ipv6,
            ice: a.nat.ice,
            stun: !a.nat.stun_servers.is_empty(),
            turn_transport: turn.map_or(0, |t| transport(t.transport)),
            turn_user: turn_user.as_ptr(),
            turn_password: turn_password.as_ptr(),
        };
        let mut native = -1;
        // SAFETY: all strings outlive the call; the shim copies them.
        checked(|e| unsafe { sys::ld_account_add(self.raw.as_ptr(), &raw const account, &raw mut native, e) })?;
        Ok(NativeAccount(native))
    }

    pub(crate) fn account_register(&self, account: NativeAccount, on: bool) -> Result<()> {
        // SAFETY: `raw` is valid; an unknown account is an error of the shim, not undefined.
        checked(|e| unsafe { sys::ld_account_register(self.raw.as_ptr(), account.0, on, e) })
    }

    pub(crate) fn account_remove(&self, account: NativeAccount) -> Result<()> {
        // SAFETY: as above.
        checked(|e| unsafe { sys::ld_account_remove(self.raw.as_ptr(), account.0, e) })
    }

    /// The account's requests outside of calls go there from now on; its next REGISTER is a new registration, and the number that
    /// is returned stands in what is told of it.
    pub(crate) fn account_go(&self, account: NativeAccount, route: &Route) -> Result<u64> {
        let mut number = 0;
        with_hop(route, |hop| {
            // SAFETY: as above; the hop's strings live until the call returns, and the shim copies them.
            checked(|e| unsafe { sys::ld_account_go(self.raw.as_ptr(), account.0, hop, &raw mut number, e) })
        })?;
        Ok(number)
    }

    /// Asks a server whether it is there; [`super::PhoneEvent::Asked`] with `number` tells the answer.
    pub(crate) fn ask(&self, account: NativeAccount, route: &Route, number: u64) -> Result<()> {
        with_hop(route, |hop| {
            // SAFETY: as above.
            checked(|e| unsafe { sys::ld_ask(self.raw.as_ptr(), account.0, hop, number, e) })
        })
    }

    /// Who may speak to us, besides those that we have sent something to just now.
    pub(crate) fn servers_are(&self, addresses: &[IpAddr]) -> Result<()> {
        let owned = addresses.iter().map(|a| c(&a.to_string())).collect::<Result<Vec<_>>>()?;
        let pointers: Vec<*const c_char> = owned.iter().map(|s| s.as_ptr()).collect();
        // SAFETY: `pointers` has as many entries as is said, each into `owned`, which lives until the call returns.
        unsafe { sys::ld_servers_are(self.raw.as_ptr(), pointers.as_ptr(), pointers.len() as u32) }
        Ok(())
    }

    /// Servers that tell our public address, for all accounts that use them.
    pub(crate) fn stun_servers(&self, servers: &[SocketAddr]) -> Result<()> {
        let owned = servers.iter().map(|at| c(&at.to_string())).collect::<Result<Vec<_>>>()?;
        let pointers: Vec<*const c_char> = owned.iter().map(|s| s.as_ptr()).collect();
        // SAFETY: as in `servers_are`.
        checked(|e| unsafe { sys::ld_stun_servers(self.raw.as_ptr(), pointers.as_ptr(), pointers.len() as u32, e) })
    }

    /// Where the account's TURN server is, for calls from now on; `None`: there is none that answers.
    pub(crate) fn account_turn(&self, account: NativeAccount, server: Option<&str>) -> Result<()> {
        let server = c(server.unwrap_or_default())?;
        // SAFETY: as in `account_register`; the shim copies the text.
        checked(|e| unsafe { sys::ld_account_turn(self.raw.as_ptr(), account.0, server.as_ptr(), e) })
    }

    /// Class of service of SIP and RTP, for accounts that are made from now on.
    pub(crate) fn dscp(&self, sip: u8, rtp: u8) {
        // SAFETY: `raw` is valid until `drop`.
        unsafe { sys::ld_dscp(self.raw.as_ptr(), sip, rtp) }
    }

    /// Our address has changed: connections are ended; accounts and calls must be told one by one.
    pub(crate) fn moved(&self) {
        // SAFETY: as above.
        unsafe { sys::ld_moved(self.raw.as_ptr()) }
    }

    /// Tells the other side of an answered call where we are now.
    pub(crate) fn call_moved(&self, call: CallId) -> Result<()> {
        // SAFETY: as above; an unknown call is an error of the shim.
        checked(|e| unsafe { sys::ld_call_moved(self.raw.as_ptr(), call.0, e) })
    }
}

/// `host:port` with brackets around an IPv6 address; `usual` where the port is 0.
pub(crate) fn host_port(host: &str, port: u16, usual: u16) -> String {
    let port = if port == 0 { usual } else { port };
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn with_hop(route: &Route, f: impl FnOnce(*const sys::ld_hop) -> Result<()>) -> Result<()> {
    let (first, behind) = (c(&route.first)?, c(route.behind.as_deref().unwrap_or_default())?);
    let (name, address) = (c(&route.name)?, c(&route.at.ip().to_string())?);
    let hop = sys::ld_hop {
        route: first.as_ptr(),
        behind: behind.as_ptr(),
        name: name.as_ptr(),
        port: route.port,
        address: address.as_ptr(),
        at_port: route.at.port(),
    };
    f(&raw const hop)
}
