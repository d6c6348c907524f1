//! Errors as problem details (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use central_api::{Problem, ProblemCode};

use crate::store::StoreError;

/// An answer that is an error.
#[derive(Debug)]
pub struct Failure(Box<Problem>);

impl Failure {
    /// With the code's own HTTP status.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let (status, title) = describe(code);
        Self(Box::new(Problem {
            status,
            code,
            title: title.to_owned(),
            detail: Some(detail.into()),
            elsewhere: None,
            retry_after_s: None,
        }))
    }

    /// With more in it.
    #[must_use]
    pub fn with(mut self, fill: impl FnOnce(&mut Problem)) -> Self {
        fill(&mut self.0);
        self
    }

    /// The database failed: logged here, with an id that the answer carries.
    #[must_use]
    pub fn store(error: &StoreError) -> Self {
        let id = uuid::Uuid::new_v4();
        tracing::error!(%id, %error, "request failed at the database");
        Self::new(ProblemCode::Unavailable, format!("the database did not do it; central's log has the id {id}"))
            .with(|problem| problem.retry_after_s = Some(2))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::store(&error)
    }
}

fn describe(code: ProblemCode) -> (u16, &'static str) {
    match code {
        ProblemCode::WrongCredentials => (401, "User name or password is wrong"),
        ProblemCode::TooManyAttempts => (429, "Too many wrong passwords"),
        ProblemCode::SignedInElsewhere => (409, "Signed in at another machine"),
        ProblemCode::SessionEnded => (401, "The session is over"),
        ProblemCode::StaleFence => (409, "Moved to another workstation"),
        ProblemCode::Forbidden => (403, "Not allowed"),
        ProblemCode::NotFound => (404, "Not found"),
        ProblemCode::Invalid => (400, "Not understood"),
        ProblemCode::TooLarge => (413, "Too large"),
        ProblemCode::IdempotencyConflict => (409, "The idempotency key was used with another body"),
        ProblemCode::TooOld => (426, "This program is too old for the server"),
        ProblemCode::Unavailable => (503, "Not available now"),
        ProblemCode::Internal | ProblemCode::Unknown => (500, "Central failed"),
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = *self.0;
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = problem.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if problem.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
