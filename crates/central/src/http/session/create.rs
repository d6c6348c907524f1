//! POST /session: sign in.

use axum::Json;
use axum::extract::{ConnectInfo, Request, State};
use central_api::{Me, PROTOCOL, Problem, ProblemCode, SessionEndReason, SignIn, SignedIn, SignedInElsewhere};
use std::net::SocketAddr;
use std::sync::PoisonError;

use crate::clock::now_ms;
use crate::desk::Event;
use crate::http::{Failure, command};
use crate::identity::{new_token, token_hash};
use crate::store::{Opened, Opening, SessionRow, fold};
use crate::tenant::Tenant;

/// Signs in with name and password; the token in the answer opens everything else.
#[utoipa::path(
    post, path = "/session", request_body = SignIn, tag = "session",
    responses((status = 201, body = SignedIn), (status = 401, body = Problem), (status = 409, body = Problem), (status = 429, body = Problem))
)]
pub async fn create(
    State(tenant): State<Tenant>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<(axum::http::StatusCode, Json<SignedIn>), Failure> {
    let body = command::body(request, &()).await?;
    let sign_in: SignIn = command::parse(&body)?;
    check(&sign_in)?;
    let name = fold(&sign_in.username);
    tenant.attempts.lock().unwrap_or_else(PoisonError::into_inner).begin(&name, from.ip(), now_ms()).map_err(
        |wait| {
            Failure::new(ProblemCode::TooManyAttempts, format!("wait {} s, then try again", wait.seconds))
                .with(|problem| problem.retry_after_s = Some(wait.seconds))
        },
    )?;
    let (user, stored) = tenant.store.credentials(&sign_in.username).await?.unzip();
    let right = tenant.passwords.verify(sign_in.password.clone(), stored).await;
    let Some(user) = user.filter(|_| right) else {
        // The name is not logged: people type their password into the wrong field.
        tracing::warn!(from = %from.ip(), "sign-in refused: wrong name or password");
        return Err(Failure::new(ProblemCode::WrongCredentials, "user name or password is wrong"));
    };
    tenant.attempts.lock().unwrap_or_else(PoisonError::into_inner).right(&name, from.ip());

    let token = new_token()?;
    let now = now_ms();
    let opening = Opening {
        id: &uuid::Uuid::new_v4().to_string(),
        user: user.id,
        display_name: &user.display_name,
        token_hash: &token_hash(token.expose()),
        machine: &sign_in.machine,
        program: &sign_in.program,
        take_over: sign_in.take_over,
        now_ms: now,
        stale_before_ms: now - tenant.options.session_idle_ms,
    };
    let opened = match tenant.store.open_session(&opening).await? {
        Opened::Elsewhere(other) if !in_use(&tenant, &other).await => {
            tracing::info!(user = %user.id, session = other.id, machine = other.machine.name, "the other seat was left");
            tenant.store.open_session(&Opening { take_over: true, ..opening }).await?
        }
        opened => opened,
    };
    let (session, ended) = match opened {
        Opened::Here { session, ended } => (session, ended),
        Opened::Elsewhere(other) => return Err(elsewhere(&tenant, other)),
    };
    for old in ended {
        let why = old.ended.unwrap_or(SessionEndReason::Revoked);
        tracing::info!(user = %old.user, session = old.id, ?why, "session ended by a sign-in");
        tenant.sessions.end(&old.id, why);
        if old.user != user.id {
            let (replaced, by) = (old.user, central_api::ChangedBy::Person { name: user.display_name.clone() });
            tenant.desk.ask(|done| Event::SignedOut { user: replaced, session: Some(old.id), by, done }).await;
        }
    }
    let id = session.id.clone();
    let outcome = tenant.desk.ask(|done| Event::SignedIn { user: user.id, session: id, done }).await;
    command::accepted(outcome)?;
    tracing::info!(user = %user.id, session = session.id, machine = session.machine.name, program = sign_in.program, "signed in");
    let me = Me { user, tenant: tenant.config.borrow().tenant.name.clone(), session: session.id, at_ms: now_ms() };
    Ok((axum::http::StatusCode::CREATED, Json(SignedIn { token, fence: session.fence, me })))
}

fn check(sign_in: &SignIn) -> Result<(), Failure> {
    if sign_in.protocol == 0 {
        return Err(Failure::new(
            ProblemCode::TooOld,
            format!("this server speaks protocol {PROTOCOL} and serves 1 and newer; update the program"),
        ));
    }
    let bounded = |name: &str, text: &str, most: usize| {
        if text.trim().is_empty() || text.len() > most || text.chars().any(char::is_control) {
            return Err(Failure::new(
                ProblemCode::Invalid,
                format!("{name} must be 1 to {most} bytes without control characters"),
            ));
        }
        Ok(())
    };
    bounded("username", &sign_in.username, 128)?;
    bounded("machine.id", &sign_in.machine.id, 128)?;
    bounded("machine.name", &sign_in.machine.name, 128)?;
    bounded("program", &sign_in.program, 128)?;
    if sign_in.password.is_empty() || sign_in.password.expose().len() > 1024 {
        return Err(Failure::new(ProblemCode::Invalid, "password must be 1 to 1024 bytes"));
    }
    Ok(())
}

/// Only a seat at which somebody may sit is asked about: whoever quit at one machine signs in at the next like at the first.
async fn in_use(tenant: &Tenant, other: &SessionRow) -> bool {
    tenant.sessions.connected(&other.id) || tenant.desk.at_work(other.user).await
}

fn elsewhere(tenant: &Tenant, other: SessionRow) -> Failure {
    let connected = tenant.sessions.connected(&other.id);
    Failure::new(
        ProblemCode::SignedInElsewhere,
        format!("signed in at {}; sign in with take_over to move", other.machine.name),
    )
    .with(|problem| {
        problem.elsewhere = Some(SignedInElsewhere { machine: other.machine, since_ms: other.created_ms, connected });
    })
}
