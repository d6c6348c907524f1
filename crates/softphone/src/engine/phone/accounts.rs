//! Accounts at the border.
#![expect(unsafe_code, reason = "the border to pjsua2's C shim; each block says why it is sound")]

use pjproject_sys as sys;

use super::{Phone, Result, c, checked};

/// pjlib's number of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NativeAccount(pub(super) i32);

/// Everything an account needs at the border; strings are checked for NUL there.
#[derive(Debug)]
pub(crate) struct AccountSettings<'a> {
    pub(crate) id: String,
    pub(crate) registrar: String,
    pub(crate) route: String,
    pub(crate) auth_user: &'a str,
    pub(crate) password: &'a softphone_api::Secret,
    pub(crate) ca_file: &'a str,
    pub(crate) expires_s: u32,
    pub(crate) transport: softphone_api::Transport,
    pub(crate) encryption: softphone_api::Encryption,
}

impl Phone {
    pub(crate) fn account_add(&self, a: &AccountSettings<'_>) -> Result<NativeAccount> {
        let (id, registrar, route) = (c(&a.id)?, c(&a.registrar)?, c(&a.route)?);
        let (auth_user, password, ca_file) = (c(a.auth_user)?, c(a.password.expose())?, c(a.ca_file)?);
        let account = sys::ld_account {
            id: id.as_ptr(),
            registrar: registrar.as_ptr(),
            route: route.as_ptr(),
            auth_user: auth_user.as_ptr(),
            password: password.as_ptr(),
            ca_file: ca_file.as_ptr(),
            expires_s: a.expires_s,
            transport: match a.transport {
                softphone_api::Transport::Udp => sys::LD_UDP,
                softphone_api::Transport::Tcp => sys::LD_TCP,
                softphone_api::Transport::Tls => sys::LD_TLS,
            } as i32,
            srtp: match a.encryption {
                softphone_api::Encryption::Off => sys::LD_SRTP_OFF,
                softphone_api::Encryption::Sdes => sys::LD_SRTP_SDES,
                softphone_api::Encryption::Dtls => sys::LD_SRTP_DTLS,
            } as i32,
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
}
