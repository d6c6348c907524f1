//! GET /me/softphone-profile.

use axum::Json;
use axum::extract::State;
use central_api::{Problem, SipAccount, SoftphoneProfile};

use crate::http::Failure;
use crate::http::auth::SignedIn;
use crate::store::{Phone, Softphone};
use crate::tenant::Tenant;

/// What the softphone is to be: one account for each phone.
#[utoipa::path(
    get, path = "/me/softphone-profile", tag = "me",
    responses((status = 200, body = SoftphoneProfile), (status = 401, body = Problem))
)]
pub async fn get(State(tenant): State<Tenant>, SignedIn(session): SignedIn) -> Result<Json<SoftphoneProfile>, Failure> {
    let config = tenant.config.borrow().clone();
    let accounts = config
        .phones
        .values()
        .filter(|phone| phone.user == session.user)
        .filter_map(|phone| Some((phone, config.pbxs.get(&phone.pbx)?)))
        .map(|(phone, pbx)| {
            let password = tenant.store.unseal(&Phone::purpose(&pbx.name, &phone.number), &phone.secret)?;
            Ok(SipAccount {
                phone: phone.id,
                pbx: pbx.id,
                pbx_name: pbx.name.clone(),
                server: pbx.sip_server.clone(),
                port: pbx.sip_port,
                transport: pbx.sip_transport,
                domain: pbx.sip_domain.clone(),
                user: phone.sip_user.clone(),
                auth_user: phone.auth_user.clone(),
                password,
                display_name: phone.display_name.clone(),
                encryption: pbx.sip_encryption,
                tls_ca_pem: pbx.tls_ca_pem.clone(),
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let Softphone { codecs, echo_cancellation, rtp_ports } = config.tenant.softphone.clone();
    let revision = config.tenant.revision.unsigned_abs();
    Ok(Json(SoftphoneProfile { revision, accounts, codecs, echo_cancellation, rtp_ports }))
}
