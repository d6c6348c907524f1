//! Each way in which signing in can fail is told apart, against real sockets and real TLS.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use workstation::host::SignInForm;
use workstation::keyring::MemoryKeyring;
use workstation::preferences::PreferencesFile;
use workstation::view::{LinkState, SessionView, View};
use workstation::{Handle, Options};

async fn workstation(dir: &Path, extra_ca: Option<PathBuf>) -> Handle {
    let options = Options {
        data_dir: dir.join("data"),
        runtime_dir: dir.join("run"),
        softphone_program: dir.join("there-is-none"),
        shell_command: Vec::new(),
        extra_ca,
        preferences: PreferencesFile::open(dir.join("preferences.json")),
    };
    workstation::start(options, Arc::new(MemoryKeyring::default())).await.expect("started")
}

async fn problem_with(handle: &Handle, server: &str) -> Value {
    let form = SignInForm {
        server: server.to_owned(),
        username: "anna".to_owned(),
        password: central_api::Secret::new("hunter2"),
        take_over: false,
    };
    let problem = handle.sign_in(form).await.expect_err("there is no central");
    serde_json::to_value(problem).expect("json")
}

/// Answers each connection with this text.
async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, answer: String) {
    while let Ok((stream, _)) = listener.accept().await {
        match &tls {
            None => talk(stream, &answer).await,
            Some(acceptor) => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    talk(stream, &answer).await;
                }
            }
        }
    }
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) {
    let mut head = vec![0; 4096];
    let mut have = 0;
    // The request is one head and a short body, which come together or soon after each other.
    while !String::from_utf8_lossy(&head[..have]).contains("hunter2") {
        match stream.read(&mut head[have..]).await {
            Ok(0) | Err(_) => break,
            // A TLS handshake, to one who speaks plain HTTP.
            Ok(_) if head[0] == 0x16 => break,
            Ok(more) => have += more,
        }
    }
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn http(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn addresses_names_and_answers() {
    let dir = tempfile::tempdir().expect("a directory");
    let handle = workstation(dir.path(), None).await;

    assert_eq!(problem_with(&handle, "http://central.example").await["code"], "bad-address");
    assert_eq!(problem_with(&handle, "https://no-such-host.invalid").await["code"], "unknown-host");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("address").port();
    drop(listener);
    assert_eq!(problem_with(&handle, &format!("http://127.0.0.1:{port}")).await["code"], "unreachable");

    let refusal = json!({"status": 401, "code": "wrong-credentials", "title": "wrong name or password"}).to_string();
    let elsewhere = json!({"status": 409, "code": "signed-in-elsewhere", "title": "elsewhere",
        "elsewhere": {"machine": {"id": "1", "name": "DESK-12"}, "since_ms": 5, "connected": true}})
    .to_string();
    let cases = [
        (http("401 Unauthorized", "application/problem+json", &refusal), "refused"),
        (http("409 Conflict", "application/problem+json", &elsewhere), "elsewhere"),
        (http("200 OK", "text/html", "<p>a router's own page</p>"), "not-central"),
        (http("404 Not Found", "text/html", "<p>nothing</p>"), "not-central"),
        (http("302 Found", "text/html", ""), "not-central"),
        (http("200 OK", "application/json", "{\"token\": 1}"), "not-central"),
    ];
    for (answer, code) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = listener.local_addr().expect("address").port();
        let server = tokio::spawn(serve(listener, None, answer.clone()));
        let problem = problem_with(&handle, &format!("http://127.0.0.1:{port}")).await;
        assert_eq!(problem["code"], code, "{problem} for {answer}");
        server.abort();
    }
    // The answer does not wait for the view's next step.
    let signed_out = |view: &Arc<View>| {
        matches!(&view.session, SessionView::SignedOut { username, .. } if username == "anna")
            && view.central.state == LinkState::Off
    };
    let mut view = handle.view();
    tokio::time::timeout(Duration::from_secs(5), view.wait_for(signed_out))
        .await
        .expect("in time")
        .expect("signed out");
    handle.quit().await;
}

#[tokio::test]
async fn certificates() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = tempfile::tempdir().expect("a directory");
    let authority_key = rcgen::KeyPair::generate().expect("a key");
    let mut parameters = rcgen::CertificateParams::new(Vec::<String>::new()).expect("parameters");
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).expect("a certificate");
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let ca_file = dir.path().join("ca.pem");
    std::fs::write(&ca_file, authority.pem()).expect("written");

    let answer = http(
        "401 Unauthorized",
        "application/problem+json",
        &json!({"status": 401, "code": "wrong-credentials", "title": "wrong"}).to_string(),
    );
    let cases = [
        ("localhost", Some(ca_file.clone()), "refused"),
        ("elsewhere.example", Some(ca_file.clone()), "tls-name"),
        ("localhost", None, "tls-untrusted"),
    ];
    for (name, extra_ca, code) in cases {
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = rcgen::CertificateParams::new(vec![name.to_owned()])
            .expect("parameters")
            .signed_by(&key, &issuer)
            .expect("signed");
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .expect("a TLS server");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = listener.local_addr().expect("address").port();
        let server = tokio::spawn(serve(listener, Some(TlsAcceptor::from(Arc::new(config))), answer.clone()));
        let own = dir.path().join(format!("{name}-{code}"));
        let handle = workstation(&own, extra_ca).await;
        let problem = problem_with(&handle, &format!("https://localhost:{port}")).await;
        assert_eq!(problem["code"], code, "{problem} for {name}");
        if code == "tls-name" {
            assert_eq!(problem["detail"], "DnsName(\"elsewhere.example\")", "it says which name the certificate has");
        }
        handle.quit().await;
        server.abort();
    }

    // Plain HTTP where TLS is expected.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("address").port();
    let server = tokio::spawn(serve(listener, None, answer));
    let handle = workstation(&dir.path().join("plain"), None).await;
    assert_eq!(problem_with(&handle, &format!("https://localhost:{port}")).await["code"], "not-central");
    handle.quit().await;
    server.abort();
}
