//! Requests to central.

use central_api::{FENCE, IDEMPOTENCY_KEY, Problem, Secret};
use reqwest::StatusCode;
use rustls::ClientConfig;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

use super::{Server, classify::classify};
use crate::host::{Answer, Method};
use crate::view::ConnectProblem;

/// A connection is there within this time or not at all.
const CONNECT: Duration = Duration::from_secs(5);
/// The whole of a request.
const WHOLE: Duration = Duration::from_secs(15);
/// No answer is longer.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Why a request brought nothing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// Central answered and said no.
    Refused(Box<Problem>),
    /// Central was not reached, or it was not central.
    Away(ConnectProblem),
}

impl Failure {
    /// As a problem of signing in.
    pub(crate) fn into_connect_problem(self) -> ConnectProblem {
        match self {
            Self::Refused(mut problem) => match problem.elsewhere.take() {
                Some(elsewhere) => ConnectProblem::Elsewhere { elsewhere: Box::new(elsewhere) },
                None => ConnectProblem::Refused { problem },
            },
            Self::Away(problem) => problem,
        }
    }
}

/// Speaks to one server, with or without a session.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) server: Server,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) token: Option<Secret>,
    fence: Option<u64>,
}

impl Client {
    /// `tls` is needed for `https://` only.
    pub(crate) fn new(server: Server, tls: Option<Arc<ClientConfig>>) -> Result<Self, ConnectProblem> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            // Central never redirects; whoever does is not central, and must not be handed a password.
            .redirect(reqwest::redirect::Policy::none())
            .https_only(server.is_tls())
            .user_agent(concat!("linedesk/", env!("CARGO_PKG_VERSION")));
        if !server.is_tls() {
            builder = builder.no_proxy();
        }
        builder = match &tls {
            Some(config) => builder.tls_backend_preconfigured((**config).clone()),
            None => builder.tls_certs_only([]),
        };
        let http = builder.build().map_err(|error| ConnectProblem::Unreachable { detail: error.to_string() })?;
        Ok(Self { http, server, tls, token: None, fence: None })
    }

    /// The same, as somebody.
    pub(crate) fn signed_in(mut self, token: Secret, fence: u64) -> Self {
        self.token = Some(token);
        self.fence = Some(fence);
        self
    }

    /// Sends; only 2xx is an answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Answer, Failure> {
        let method = match method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut request = self.http.request(method, self.server.url(path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(fence) = self.fence {
            request = request.header(FENCE, fence);
        }
        if let Some(key) = key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(self.away(&error).await),
        };
        let status = response.status();
        if response.content_length().is_some_and(|length| length > MAX_BODY as u64) {
            return Err(Failure::Away(ConnectProblem::NotCentral { detail: "the answer is too long".to_owned() }));
        }
        let kind = response
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("no content type")
            .to_owned();
        let bytes = match response.bytes().await {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.away(&error).await),
        };
        read(status, &kind, &bytes)
    }

    /// GET of something whose shape is known.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(Method::Get, path, None, None).await.and_then(shape)
    }

    /// POST of something, answered with something whose shape is known.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value, key: &str) -> Result<T, Failure> {
        self.send(Method::Post, path, Some(body), Some(key)).await.and_then(shape)
    }

    async fn away(&self, error: &reqwest::Error) -> Failure {
        Failure::Away(classify(&self.server, error, error.is_timeout()).await)
    }
}

fn shape<T: DeserializeOwned>(answer: Answer) -> Result<T, Failure> {
    serde_json::from_value(answer.body.unwrap_or(Value::Null))
        .map_err(|error| Failure::Away(ConnectProblem::NotCentral { detail: error.to_string() }))
}

fn read(status: StatusCode, kind: &str, bytes: &[u8]) -> Result<Answer, Failure> {
    let not_central =
        || Failure::Away(ConnectProblem::NotCentral { detail: format!("HTTP {} with {kind}", status.as_u16()) });
    if status.is_success() {
        let body =
            if bytes.is_empty() { None } else { Some(serde_json::from_slice(bytes).map_err(|_| not_central())?) };
        return Ok(Answer { status: status.as_u16(), body, queued: false });
    }
    match serde_json::from_slice::<Problem>(bytes) {
        Ok(problem) => Err(Failure::Refused(Box::new(problem))),
        Err(_) => Err(not_central()),
    }
}
