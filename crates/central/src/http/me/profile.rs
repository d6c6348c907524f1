//! GET /me/softphone-profile.

use axum::Json;
use axum::extract::State;
use central_api::{Problem, SipAccount, SipNat, SipTurn, SoftphoneProfile};

use crate::http::Failure;
use crate::http::auth::SignedIn;
use crate::store::{Phone, Turn};
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
            let sip = &pbx.sip;
            let unsealed = |turn: &Turn| {
                let password = tenant.store.unseal(&Turn::purpose(&pbx.name), &turn.secret)?;
                let Turn { server, transport, user, .. } = turn.clone();
                Ok::<_, Failure>(SipTurn { server, transport, user, password })
            };
            let turn = sip.turn.as_ref().map(unsealed).transpose()?;
            Ok(SipAccount {
                phone: phone.id,
                pbx: pbx.id,
                pbx_name: pbx.name.clone(),
                server: sip.server.clone(),
                port: sip.port,
                backup_servers: sip.backup_servers.clone(),
                outbound_proxy: sip.outbound_proxy.clone(),
                transport: sip.transport,
                domain: sip.domain.clone(),
                user: phone.sip_user.clone(),
                auth_user: phone.auth_user.clone(),
                password,
                display_name: phone.display_name.clone(),
                encryption: sip.encryption,
                encryption_optional: sip.encryption_optional,
                address_family: sip.address_family,
                nat: SipNat { ice: sip.ice, stun_servers: sip.stun_servers.clone(), turn },
                dtmf: sip.dtmf,
                pass_headers: sip.pass_headers.clone(),
                codes: sip.codes.clone(),
                tls_ca_pem: sip.tls_ca_pem.clone(),
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let softphone = &config.tenant.softphone;
    Ok(Json(SoftphoneProfile {
        revision: config.tenant.revision.unsigned_abs(),
        accounts,
        codecs: softphone.codecs.clone(),
        echo_cancellation: softphone.echo_cancellation,
        rtp_ports: softphone.rtp_ports,
        noise_suppression: softphone.noise_suppression,
        gain_control: softphone.gain_control,
        sip_dscp: softphone.sip_dscp,
        rtp_dscp: softphone.rtp_dscp,
        auto_answer: softphone.auto_answer,
    }))
}
