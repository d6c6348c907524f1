//! What all commands have in common: JSON in, the idempotency key, 202 out.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use central_api::{IDEMPOTENCY_KEY, ProblemCode};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::Failure;
use crate::clock::now_ms;
use crate::desk::{Outcome, Refused};
use crate::store::{Claim, SessionRow, Stored};
use crate::tenant::Tenant;

/// A command as it came.
#[derive(Debug)]
pub struct Command {
    /// How.
    pub method: Method,
    /// Where.
    pub uri: Uri,
    /// With what.
    pub headers: HeaderMap,
    /// With what.
    pub body: Bytes,
}

impl<S: Send + Sync> axum::extract::FromRequest<S> for Command {
    type Rejection = Failure;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, Failure> {
        let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
        let body = body(request, state).await?;
        Ok(Self { method, uri, headers, body })
    }
}

/// The whole body, within the limit.
pub async fn body<S: Send + Sync>(request: axum::extract::Request, state: &S) -> Result<Bytes, Failure> {
    <Bytes as axum::extract::FromRequest<S>>::from_request(request, state).await.map_err(|rejection| {
        let status = rejection.into_response().status();
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            Failure::new(ProblemCode::TooLarge, "the body is too large; 64 KiB is the most")
        } else {
            Failure::new(ProblemCode::Invalid, "the body could not be read")
        }
    })
}

/// The body as a value; what is wrong is named.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::new(ProblemCode::Invalid, format!("the body cannot be used: {error}")))
}

impl Command {
    /// Carries a command out once for each idempotency key.
    pub async fn once<F>(&self, tenant: &Tenant, session: &SessionRow, work: F) -> Result<Response, Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        let Some(key) = self.headers.get(IDEMPOTENCY_KEY) else {
            work.await?;
            return Ok(StatusCode::ACCEPTED.into_response());
        };
        let key = key.to_str().ok().filter(|key| (1..=128).contains(&key.len())).ok_or_else(|| {
            Failure::new(
                ProblemCode::Invalid,
                format!("the header {IDEMPOTENCY_KEY} must be 1 to 128 printable characters"),
            )
        })?;
        let mut hash = Sha256::new();
        for part in [self.method.as_str().as_bytes(), self.uri.path().as_bytes(), &self.body] {
            // Lengths between the parts, so that no two different commands hash alike.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        match tenant.store.claim_key(session.user, key, &hash.finalize(), now_ms()).await? {
            Claim::Conflict => Err(Failure::new(
                ProblemCode::IdempotencyConflict,
                "this key was used for another command; make a new key for each",
            )),
            Claim::Done(stored) => Ok(replay(stored)),
            Claim::Ours => {
                let response = match work.await {
                    Ok(()) => StatusCode::ACCEPTED.into_response(),
                    Err(failure) => failure.into_response(),
                };
                let (head, body) = response.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
                let stored = Stored { status: head.status.as_u16(), answer: body.to_vec() };
                tenant.store.keep_answer(session.user, key, &stored).await?;
                Ok(Response::from_parts(head, body.into()))
            }
        }
    }
}

fn replay(stored: Stored) -> Response {
    let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if stored.answer.is_empty() {
        return status.into_response();
    }
    (status, [(axum::http::header::CONTENT_TYPE, "application/problem+json")], stored.answer).into_response()
}

/// What the desk said, as an answer.
pub fn accepted(outcome: Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Accepted => Ok(()),
        Outcome::Refused(Refused::Queue) => Err(Failure::new(ProblemCode::NotFound, Refused::Queue.to_string())),
        Outcome::Refused(refused) => Err(Failure::new(ProblemCode::Invalid, refused.to_string())),
        Outcome::NotWritten => Err(Failure::new(ProblemCode::Unavailable, "the database did not take it; try again")),
        Outcome::Stopping => Err(Failure::new(ProblemCode::Unavailable, "central is stopping; try again")),
    }
}
