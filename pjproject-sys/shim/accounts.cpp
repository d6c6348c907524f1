// Accounts: their registration, the transports they share, and what TLS complains about.
#include "phone.hpp"

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <netinet/in.h>
#include <netinet/tcp.h>
#endif

#include <condition_variable>
#include <fstream>
#include <sstream>

using namespace linedesk;

namespace {

// Our own Contact out of a 200 to REGISTER, "" when it is not in it. The registrar may have replaced our address by the
// one it saw (rewrite_contact), which the Via tells as received and rport.
std::string own_contact(pjsip_rx_data *rdata) {
    pjsip_transaction *tsx = pjsip_rdata_get_tsx(rdata);
    if (!tsx || !tsx->last_tx) return "";
    auto *mine = static_cast<pjsip_contact_hdr *>(pjsip_msg_find_hdr(tsx->last_tx->msg, PJSIP_H_CONTACT, nullptr));
    if (!mine || mine->star || !mine->uri) return "";
    const auto *me = static_cast<const pjsip_sip_uri *>(pjsip_uri_get_uri(mine->uri));
    std::string seen_host;
    int seen_port = 0;
    if (pjsip_via_hdr *via = rdata->msg_info.via) {
        seen_host = of(via->recvd_param.slen ? via->recvd_param : via->sent_by.host);
        seen_port = via->rport_param > 0 ? via->rport_param : via->sent_by.port;
    }
    auto *hdr = static_cast<pjsip_contact_hdr *>(pjsip_msg_find_hdr(rdata->msg_info.msg, PJSIP_H_CONTACT, nullptr));
    while (hdr) {
        if (!hdr->star && hdr->uri && (PJSIP_URI_SCHEME_IS_SIP(hdr->uri) || PJSIP_URI_SCHEME_IS_SIPS(hdr->uri))) {
            const auto *it = static_cast<const pjsip_sip_uri *>(pjsip_uri_get_uri(hdr->uri));
            bool same_user = pj_strcmp(&it->user, &me->user) == 0;
            bool same_place = pj_stricmp(&it->host, &me->host) == 0 && it->port == me->port;
            bool seen_place = of(it->host) == seen_host && it->port == seen_port;
            if (same_user && (same_place || seen_place)) {
                char text[PJSIP_MAX_URL_SIZE];
                int n = pjsip_uri_print(PJSIP_URI_IN_CONTACT_HDR, it, text, sizeof text - 1);
                return n > 0 ? std::string(text, static_cast<size_t>(n)) : of(it->host);
            }
        }
        if (hdr->next == static_cast<void *>(&rdata->msg_info.msg->hdr)) break;
        hdr = static_cast<pjsip_contact_hdr *>(pjsip_msg_find_hdr(rdata->msg_info.msg, PJSIP_H_CONTACT, hdr->next));
    }
    return "";
}

std::string read_file(const std::string &path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

} // namespace

namespace linedesk {

void PhoneEndpoint::onTransportState(const OnTransportStateParam &prm) {
    quietly([&] {
        auto *tp = static_cast<pjsip_transport *>(prm.hnd);
        if (tp && prm.state == PJSIP_TP_STATE_CONNECTED && tp->dir == PJSIP_TP_DIR_INCOMING) {
            // The door looks at messages; a stranger's connection would take a handle without sending any.
            char address[PJ_INET6_ADDRSTRLEN + 10];
            pj_sockaddr_print(&tp->key.rem_addr, address, sizeof address, 0);
            if (!phone_.is_stranger(address)) return;
            phone_.turned_away(address);
            pjsip_transport_shutdown2(tp, PJ_TRUE);
            return;
        }
        if (prm.state != PJSIP_TP_STATE_DISCONNECTED) return;
        if (tp && tp->dir == PJSIP_TP_DIR_OUTGOING && (tp->flag & PJSIP_TRANSPORT_RELIABLE)) {
            char where[PJ_INET6_ADDRSTRLEN + 10];
            ld_event e{};
            e.kind = LD_EVENT_CONNECTION;
            e.text = pj_sockaddr_print(&tp->key.rem_addr, where, sizeof where, 3);
            phone_.post(e);
        }
        if (prm.type.find("TLS") == std::string::npos) return;
        std::string text;
        int32_t faults = 0;
        if (prm.tlsInfo.verifyStatus != 0) {
            const auto bits = static_cast<unsigned>(prm.tlsInfo.verifyStatus);
            if (bits & PJ_SSL_CERT_EIDENTITY_NOT_MATCH) faults |= LD_TLS_NAME;
            if (bits & ~static_cast<unsigned>(PJ_SSL_CERT_EIDENTITY_NOT_MATCH)) faults |= LD_TLS_UNTRUSTED;
            for (const auto &m : prm.tlsInfo.verifyMsgs) text += (text.empty() ? "" : ", ") + m;
            if (!prm.tlsInfo.remoteCertInfo.isEmpty()) {
                text += " (certificate is for ";
                bool first = true;
                for (const auto &n : prm.tlsInfo.remoteCertInfo.subjectAltName) {
                    text += (first ? "" : ", ") + n.name;
                    first = false;
                }
                if (first) text += prm.tlsInfo.remoteCertInfo.subjectCn;
                text += ")";
            }
        } else if (prm.lastError != PJ_SUCCESS) {
            text = describe(prm.lastError);
            if (prm.lastError == PJSIP_TLS_ECERTVERIF) faults |= LD_TLS_UNTRUSTED;
        }
        if (text.empty()) return;
        std::lock_guard<std::mutex> lock(phone_.mutex);
        phone_.tls_problem = text;
        phone_.tls_faults = faults;
    });
}

namespace {

struct Passage {
    std::mutex mutex;
    std::condition_variable changed;
    bool passed = false;
};

// Whether pjsua's worker has left the callback that it is in.
bool worker_passes(std::chrono::milliseconds patience) {
    auto passage = std::make_shared<Passage>();
    auto held = std::make_unique<std::shared_ptr<Passage>>(passage);
    auto pass = [](void *held) {
        std::unique_ptr<std::shared_ptr<Passage>> passage(static_cast<std::shared_ptr<Passage> *>(held));
        std::lock_guard<std::mutex> lock((*passage)->mutex);
        (*passage)->passed = true;
        (*passage)->changed.notify_all();
    };
    if (pjsua_schedule_timer2(pass, held.get(), 0) != PJ_SUCCESS) return false;
    held.release();
    std::unique_lock<std::mutex> lock(passage->mutex);
    return passage->changed.wait_for(lock, patience, [&] { return passage->passed; });
}

} // namespace

namespace {

// pjsua2 does not tell which of our requests is answered.
thread_local bool answers_goodbye = false;
void (*pjsua2_on_reg_state)(pjsua_acc_id, pjsua_reg_info *) = nullptr;

void on_reg_state(pjsua_acc_id account, pjsua_reg_info *info) {
    answers_goodbye = info->cbparam->is_unreg;
    pjsua2_on_reg_state(account, info);
}

} // namespace

void Phone::tell_goodbyes() {
    pjsua2_on_reg_state = pjsua_var.ua_cfg.cb.on_reg_state2;
    pjsua_var.ua_cfg.cb.on_reg_state2 = &on_reg_state;
}

void PhoneAccount::onRegState(OnRegStateParam &prm) {
    quietly([&] {
        std::string contact;
        std::pair<std::string, int32_t> tls;
        if (prm.code / 100 == 2 && prm.rdata.pjRxData) contact = own_contact(static_cast<pjsip_rx_data *>(prm.rdata.pjRxData));
        if (prm.code / 100 != 2) tls = phone_.take_tls_problem();
        std::string reason = readable(prm.reason);
        if (prm.status != PJ_SUCCESS && !prm.rdata.pjRxData) reason = describe(prm.status);
        ld_event e{};
        e.kind = LD_EVENT_REGISTRATION;
        e.account = getId();
        e.code = prm.code;
        e.expires_s = prm.expiration;
        e.goodbye = answers_goodbye;
        e.text = reason.c_str();
        e.text2 = contact.c_str();
        e.text3 = tls.first.c_str();
        e.state = tls.second;
        e.call = registration.load();
        phone_.post(e);
    });
}

void Phone::trust_turn(int32_t id, const std::string &extra_ca) {
    auto &account = pjsua_var.acc[id];
    pj_turn_sock_tls_cfg &tls = account.cfg.turn_cfg.turn_tls_setting;
    tls.ssock_param.verify_peer = PJ_TRUE;
    tls.ssock_param.proto = PJ_SSL_SOCK_PROTO_TLS1_2 | PJ_SSL_SOCK_PROTO_TLS1_3;
    if (extra_ca.empty()) pj_strdup2_with_null(account.pool, &tls.ca_list_file, ca_file.c_str());
    else pj_strdup2_with_null(account.pool, &tls.ca_buf, trusted_with(extra_ca).c_str());
}

std::string Phone::trusted_with(const std::string &extra_ca) const {
    return (ca_file.empty() ? "" : read_file(ca_file)) + "\n" + read_file(extra_ca);
}

namespace {

// What was sent over a connection and is not confirmed within so many seconds: the connection is dead, though nobody says so (a
// firewall has forgotten it, the server's machine has lost power). By themselves systems try for a quarter of an hour, and the
// phone would be out of reach for as long. Windows and macOS: untried.
constexpr int GIVES_UP_S = 10;

void set_giving_up(SockOptParams &options) {
#if defined(__linux__)
    const int option = TCP_USER_TIMEOUT, value = GIVES_UP_S * 1000;
#elif defined(__APPLE__)
    const int option = TCP_RXT_CONNDROPTIME, value = GIVES_UP_S;
#elif defined(_WIN32)
    const int option = TCP_MAXRT, value = GIVES_UP_S;
#endif
    // An option points into itself, so it is set where it stays.
    options.sockOpts.resize(1);
    options.sockOpts[0].level = IPPROTO_TCP;
    options.sockOpts[0].optName = option;
    options.sockOpts[0].setOptValInt(value);
}

} // namespace

TransportId Phone::transport(int32_t kind, const std::string &extra_ca, bool ipv6) {
    std::string key = std::to_string(kind) + (ipv6 ? "6:" : "4:") + (kind == LD_TLS ? extra_ca : "");
    // A UDP socket stays, and takes a new class of service; listeners give theirs to the connections they make.
    if (kind != LD_UDP) key += ":" + std::to_string(sip_dscp);
    pj_qos_params qos{};
    qos.flags = PJ_QOS_PARAM_HAS_DSCP;
    qos.dscp_val = sip_dscp;
    auto it = transports.find(key);
    if (it != transports.end()) {
        if (kind == LD_UDP) pj_sock_set_qos_params(pjsip_udp_transport_get_socket(pjsua_var.tpdata[it->second].data.tp), &qos);
        return it->second;
    }
    TransportConfig t;
    if (kind == LD_TCP) set_giving_up(t.sockOptParams);
    if (kind == LD_TLS) set_giving_up(t.tlsConfig.sockOptParams);
    // A fixed port is for UDP and TCP; TLS listeners of several accounts could not share it.
    t.port = kind == LD_TLS ? 0 : config.sip_port;
    t.qosParams = qos;
    int type = PJSIP_TRANSPORT_UDP;
    if (kind == LD_TCP) type = PJSIP_TRANSPORT_TCP;
    if (kind == LD_TLS) {
        type = PJSIP_TRANSPORT_TLS;
        t.tlsConfig.verifyServer = true;
        t.tlsConfig.proto = PJ_SSL_SOCK_PROTO_TLS1_2 | PJ_SSL_SOCK_PROTO_TLS1_3;
        t.tlsConfig.qosParams = qos;
        if (extra_ca.empty()) t.tlsConfig.CaListFile = ca_file;
        else t.tlsConfig.CaBuf = trusted_with(extra_ca);
    }
    if (ipv6) type |= PJSIP_TRANSPORT_IPV6;
    TransportId id = endpoint.transportCreate(static_cast<pjsip_transport_type_e>(type), t);
    transports[key] = id;
    return id;
}

} // namespace linedesk

extern "C" {

bool ld_account_add(ld_phone *phone, const ld_account *a, int32_t *id, ld_error *error) {
    return guarded(error, [&] {
        Phone &p = self(phone);
        AccountConfig c;
        c.idUri = a->id;
        c.regConfig.registrarUri = a->registrar;
        c.regConfig.registerOnAdd = false;
        c.regConfig.timeoutSec = a->expires_s;
        // Trying again is ours: with jitter, back-off and a state that says when.
        c.regConfig.retryIntervalSec = 0;
        c.regConfig.firstRetryIntervalSec = 0;
        c.regConfig.delayBeforeRefreshSec = a->expires_s > 20 ? 8 : 3;
        c.regConfig.unregWaitMsec = 1000;
        c.sipConfig.authCreds.push_back(AuthCredInfo("digest", "*", a->auth_user, 0, a->password));
        const std::string ca = a->ca_file ? a->ca_file : "";
        c.sipConfig.transportId = p.transport(a->transport, ca, a->ipv6);
        c.callConfig.timerUse = PJSUA_SIP_TIMER_OPTIONAL;
        // An answer may name several codecs, of which the first is used. pjsua would ask by UPDATE to leave the others out,
        // right after each answer, and sound begins anew then.
        c.mediaConfig.lockCodecEnabled = false;
        c.mediaConfig.transportConfig.port = p.rtp_first;
        c.mediaConfig.transportConfig.portRange = static_cast<unsigned>(p.rtp_last - p.rtp_first);
        c.mediaConfig.transportConfig.qosParams.flags = PJ_QOS_PARAM_HAS_DSCP;
        c.mediaConfig.transportConfig.qosParams.dscp_val = p.rtp_dscp;
        c.mediaConfig.srtpUse = a->srtp == LD_SRTP_OFF ? PJMEDIA_SRTP_DISABLED
                                : a->srtp_optional     ? PJMEDIA_SRTP_OPTIONAL
                                                       : PJMEDIA_SRTP_MANDATORY;
        c.mediaConfig.srtpSecureSignaling = a->srtp == LD_SRTP_SDES ? 1 : 0;
        if (a->srtp == LD_SRTP_SDES) c.mediaConfig.srtpOpt.keyings = {PJMEDIA_SRTP_KEYING_SDES};
        if (a->srtp == LD_SRTP_DTLS) c.mediaConfig.srtpOpt.keyings = {PJMEDIA_SRTP_KEYING_DTLS_SRTP};
        // Where a call comes from and goes to is told by the registrar and by ICE; STUN is for the sound.
        c.natConfig.sipStunUse = PJSUA_STUN_USE_DISABLED;
        c.natConfig.mediaStunUse = PJSUA_STUN_USE_DISABLED; // until one has answered: see stun_answered
        c.natConfig.iceEnabled = a->ice;
        // Switched on by ld_account_turn, once the server has answered.
        c.natConfig.turnConnType = a->turn_transport == LD_TLS   ? PJ_TURN_TP_TLS
                                   : a->turn_transport == LD_TCP ? PJ_TURN_TP_TCP
                                                                 : PJ_TURN_TP_UDP;
        c.natConfig.turnUserName = a->turn_user;
        c.natConfig.turnPassword = a->turn_password;
        auto account = std::make_unique<PhoneAccount>(p);
        account->kind = a->transport;
        account->ca = ca;
        account->stun = a->stun;
        account->create(c);
        *id = account->getId();
        if (a->stun && p.stun_lives) pjsua_var.acc[*id].cfg.media_stun_use = PJSUA_STUN_USE_DEFAULT;
        p.trust_turn(*id, ca);
        std::lock_guard<std::mutex> lock(p.mutex);
        p.accounts[*id] = std::move(account);
        return true;
    });
}

bool ld_account_turn(ld_phone *phone, int32_t id, const char *server, ld_error *error) {
    return guarded(error, [&] {
        if (!self(phone).account(id, error)) return false;
        PJSUA_LOCK();
        pjsua_turn_config &turn = pjsua_var.acc[id].cfg.turn_cfg;
        // A call that is just being made may still read the old one, which therefore stays as long as the account.
        if (*server && pj_strcmp2(&turn.turn_server, server) != 0) pj_strdup2_with_null(pjsua_var.acc[id].pool, &turn.turn_server, server);
        turn.enable_turn = *server != 0;
        PJSUA_UNLOCK();
        return true;
    });
}

bool ld_account_register(ld_phone *phone, int32_t id, bool on, ld_error *error) {
    return guarded(error, [&] {
        PhoneAccount *a = self(phone).account(id, error);
        if (!a) return false;
        // Never asked, nothing to take back.
        if (!on && !pjsua_var.acc[id].regc) {
            fail(error, PJ_EINVALIDOP, "it is not registered");
            return false;
        }
        a->setRegistration(on);
        return true;
    });
}

bool ld_account_remove(ld_phone *phone, int32_t id, ld_error *error) {
    return guarded(error, [&] {
        Phone &p = self(phone);
        std::unique_ptr<PhoneAccount> gone;
        {
            std::lock_guard<std::mutex> lock(p.mutex);
            auto it = p.accounts.find(id);
            if (it == p.accounts.end()) {
                fail(error, PJ_ENOTFOUND, "no such account");
                return false;
            }
            gone = std::move(it->second);
            p.accounts.erase(it);
        }
        // Unregisters. Nobody finds it from now on, and who has found it before is waited for: better it is lost than taken from
        // under a worker that hangs.
        gone->shutdown();
        if (!worker_passes(std::chrono::seconds(2))) (void)gone.release();
        return true;
    });
}

} // extern "C"
