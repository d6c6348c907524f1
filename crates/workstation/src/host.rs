//! What a host (the window's shell, the headless program) asks of a workstation and what it gets back.

use central_api::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use softphone_api::CommandError;
use std::sync::Arc;
use ts_rs::TS;

use crate::view::ConnectProblem;

/// One step of the view: whole, or what changed since the step before (RFC 7396). Numbers grow by one; whoever sees a
/// gap subscribes anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(untagged)]
pub enum ViewUpdate {
    /// Whole.
    View {
        /// Of this step.
        #[ts(type = "number")]
        number: u64,
        /// [`crate::view::View`].
        #[ts(type = "View")]
        view: Arc<Value>,
    },
    /// What changed.
    Patch {
        /// Of this step.
        #[ts(type = "number")]
        number: u64,
        /// JSON Merge Patch.
        #[ts(type = "unknown")]
        patch: Arc<Value>,
    },
}

/// What a person gives to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SignInForm {
    /// `https://…`, or a bare name (then `https://` is meant); `http://` only to this very machine.
    pub server: String,
    /// Name.
    pub username: String,
    /// Password.
    pub password: central_api::Secret,
    /// Move here when the operator works elsewhere.
    #[serde(default)]
    pub take_over: bool,
}

/// Methods that the contract with central uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Read.
    Get,
    /// Do.
    Post,
    /// Set.
    Put,
    /// Take away.
    Delete,
}

/// What central answered to a request, 2xx only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Answer {
    /// HTTP status; 202 also for a status wish that waits here for the link.
    pub status: u16,
    /// JSON body, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "unknown")]
    pub body: Option<Value>,
    /// True when it waits in the outbox for the link to come back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, thiserror::Error)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum RequestError {
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    SignedOut,
    /// The path is not below `/api/v1`, or is one that only the workstation itself may use.
    #[error("this path is not open to the window: {detail}")]
    NotAllowed {
        /// Which.
        detail: String,
    },
    /// No link to central: not done, and not kept for later.
    #[error("no connection to the server")]
    Offline {
        /// Why, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        problem: Option<Box<ConnectProblem>>,
    },
    /// Central said no.
    #[error("refused: {}", problem.title)]
    Refused {
        /// Its words.
        problem: Box<Problem>,
    },
}

/// Why a command to the softphone was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum PhoneError {
    /// There is no softphone now (starting, died, signed out).
    #[error("the softphone is not running")]
    NotRunning,
    /// It was sent, and the softphone was gone before it answered.
    #[error("the softphone ended before it answered")]
    Lost,
    /// Only the workstation itself may do this (configure, shut down).
    #[error("this command is not open to the window")]
    NotAllowed,
    /// The softphone said no.
    #[error("refused: {error}")]
    Refused {
        /// Its words.
        error: CommandError,
    },
}
