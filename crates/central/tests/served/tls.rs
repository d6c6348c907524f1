use crate::house::{House, PATIENCE, provider};
use central_api::path;

fn certificate(dir: &std::path::Path, name: &str) -> (std::path::PathBuf, std::path::PathBuf, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (certificate, key) = (dir.join("central.crt"), dir.join("central.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key, made.cert.pem().into_bytes())
}

async fn ask(house: &House, name: &str, trust: Option<&[u8]>) -> Result<u16, String> {
    let address = house.url.trim_start_matches("https://").parse().unwrap();
    let mut builder = reqwest::Client::builder().no_proxy().timeout(PATIENCE).resolve(name, address);
    if let Some(pem) = trust {
        builder = builder.tls_certs_only([reqwest::Certificate::from_pem(pem).unwrap()]);
    }
    let url = format!("https://{name}:{}{}{}", address.port(), central_api::BASE, path::HEALTH);
    match builder.build().unwrap().get(url).send().await {
        Ok(answer) => Ok(answer.status().as_u16()),
        Err(error) => Err(format!("{error:?}")),
    }
}

#[tokio::test]
async fn tls_is_served_and_another_name_is_refused() {
    provider();
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key, pem) = certificate(dir.path(), "central.example");
    let house = House::with(|config| {
        config.tls_certificate = Some(certificate);
        config.tls_key = Some(key);
    })
    .await;
    assert!(house.url.starts_with("https://"));
    assert_eq!(ask(&house, "central.example", Some(&pem)).await, Ok(200));
    let wrong = ask(&house, "other.example", Some(&pem)).await.unwrap_err();
    assert!(wrong.contains("NotValidForName"), "{wrong}");
    let stranger = ask(&house, "central.example", None).await.unwrap_err();
    assert!(stranger.contains("UnknownIssuer"), "{stranger}");
}
