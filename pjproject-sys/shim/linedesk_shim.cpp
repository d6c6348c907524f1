// See linedesk_shim.h for the rules.
// tidy: long because pjsua2's classes and our subclasses of them know each other closely; parts would share all of it.
#include "linedesk_shim.h"

#include <pjsua2.hpp>
#include <pjsua-lib/pjsua_internal.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#if PJMEDIA_AUDIO_DEV_HAS_ALSA
#include <alsa/asoundlib.h>
#include <pjmedia-audiodev/alsa.h>
#endif

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace pj;

namespace {

class Phone;

void copy_text(char *to, size_t size, const std::string &from) {
    size_t n = from.size() < size - 1 ? from.size() : size - 1;
    // Never cut a UTF-8 character in two.
    while (n > 0 && n < from.size() && (static_cast<unsigned char>(from[n]) & 0xC0) == 0x80) n--;
    memcpy(to, from.data(), n);
    to[n] = 0;
}

void fail(ld_error *error, int32_t status, const std::string &message) {
    if (!error) return;
    error->status = status;
    error->os_error = 0;
    if (status >= PJ_ERRNO_START_SYS && status < PJ_ERRNO_START_SYS + PJ_ERRNO_SPACE_SIZE)
        error->os_error = status - PJ_ERRNO_START_SYS;
    copy_text(error->message, LD_TEXT, message);
}

std::string describe(pj_status_t status) {
    char text[PJ_ERR_MSG_SIZE];
    pj_str_t s = pj_strerror(status, text, sizeof text);
    return std::string(s.ptr, static_cast<size_t>(s.slen));
}

bool ok(pj_status_t status, ld_error *error) {
    if (status == PJ_SUCCESS) return true;
    fail(error, status, describe(status));
    return false;
}

// Runs `f` so that no exception crosses the border.
template <typename F> bool guarded(ld_error *error, F f) {
    try {
        return f();
    } catch (const Error &e) {
        fail(error, e.status, e.title.empty() ? e.reason : e.title + ": " + e.reason);
    } catch (const std::exception &e) {
        fail(error, PJ_EUNKNOWN, e.what());
    } catch (...) {
        fail(error, PJ_EUNKNOWN, "unknown C++ exception");
    }
    return false;
}

template <typename F> void quietly(F f) {
    try {
        f();
    } catch (...) {
        // A callback has nobody to tell; the state it would have reported is read again with the next event.
    }
}

std::string of(const pj_str_t &s) { return s.slen > 0 ? std::string(s.ptr, static_cast<size_t>(s.slen)) : std::string(); }

struct Party {
    std::string number, name;
};

// Display name and user part of a name-addr or of a bare URI.
Party party_of(const pjsip_uri *uri) {
    Party p;
    if (!uri) return p;
    if (PJSIP_URI_SCHEME_IS_SIP(uri) || PJSIP_URI_SCHEME_IS_SIPS(uri)) {
        const auto *bare = static_cast<const pjsip_sip_uri *>(pjsip_uri_get_uri(uri));
        p.number = of(bare->user);
        // pjsip wraps every URI of From, To and of a parse as name-addr; its own vtable tells the wrapper from the URI.
        if (static_cast<const void *>(bare) != static_cast<const void *>(uri))
            p.name = of(reinterpret_cast<const pjsip_name_addr *>(uri)->display);
    } else if (PJSIP_URI_SCHEME_IS_TEL(uri)) {
        p.number = of(static_cast<const pjsip_tel_uri *>(pjsip_uri_get_uri(uri))->number);
    }
    return p;
}

// The caller of an INVITE: P-Asserted-Identity (RFC 3325), else Remote-Party-ID, else From.
Party caller_of(pjsip_rx_data *rdata) {
    const pj_str_t names[] = {{const_cast<char *>("P-Asserted-Identity"), 19}, {const_cast<char *>("Remote-Party-ID"), 15}};
    for (const auto &name : names) {
        auto *hdr = static_cast<pjsip_generic_string_hdr *>(pjsip_msg_find_hdr_by_name(rdata->msg_info.msg, &name, nullptr));
        if (!hdr) continue;
        // The parser writes a NUL behind the text and cuts parameters it does not know: give it a copy, up to the '>'.
        std::string value = of(hdr->hvalue);
        auto end = value.find('>');
        if (end != std::string::npos) value.resize(end + 1);
        auto *copy = static_cast<char *>(pj_pool_alloc(rdata->tp_info.pool, value.size() + 1));
        memcpy(copy, value.c_str(), value.size() + 1);
        const pjsip_uri *uri = pjsip_parse_uri(rdata->tp_info.pool, copy, value.size(), PJSIP_PARSE_URI_AS_NAMEADDR);
        Party p = party_of(uri);
        if (!p.number.empty() || !p.name.empty()) return p;
    }
    return rdata->msg_info.from ? party_of(rdata->msg_info.from->uri) : Party();
}

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

class PhoneCall final : public Call {
public:
    PhoneCall(Phone &phone, Account &account, uint64_t key, int id = PJSUA_INVALID_ID) : Call(account, id), phone_(phone), key_(key) {}
    void onCallState(OnCallStateParam &prm) override;
    void onCallMediaState(OnCallMediaStateParam &prm) override;
    void onCallTsxState(OnCallTsxStateParam &prm) override;
    void onCallTransferRequest(OnCallTransferRequestParam &prm) override;
    void onCallReplaceRequest(OnCallReplaceRequestParam &prm) override;
    void onCallTransferStatus(OnCallTransferStatusParam &prm) override;

private:
    Phone &phone_;
    const uint64_t key_;
};

class PhoneAccount final : public Account {
public:
    explicit PhoneAccount(Phone &phone) : phone_(phone) {}
    void onRegState(OnRegStateParam &prm) override;
    void onIncomingCall(OnIncomingCallParam &prm) override;

private:
    Phone &phone_;
};

class PhoneLog final : public LogWriter {
public:
    explicit PhoneLog(Phone &phone) : phone_(phone) {}
    void write(const LogEntry &entry) override;

private:
    Phone &phone_;
};

class PhoneEndpoint final : public Endpoint {
public:
    explicit PhoneEndpoint(Phone &phone) : phone_(phone) {}
    void onTransportState(const OnTransportStateParam &prm) override;

private:
    Phone &phone_;
};

class Phone {
public:
    explicit Phone(const ld_config &c)
        : config(c), user_agent(c.user_agent ? c.user_agent : ""), ca_file(c.ca_file ? c.ca_file : ""), endpoint(*this) {}

    ld_config config;
    std::string user_agent, ca_file;
    PhoneEndpoint endpoint;
    std::atomic<int32_t> refuse{0};
    std::atomic<uint64_t> next_call{1};
    std::atomic<uint16_t> rtp_first{40000}, rtp_last{40999};
    // Guards only the maps and the text below; never held across a call into pjsua2.
    std::mutex mutex;
    std::map<uint64_t, std::unique_ptr<PhoneCall>> calls;
    std::map<int32_t, std::unique_ptr<PhoneAccount>> accounts;
    std::map<std::string, TransportId> transports;
    std::string tls_problem;
    // What the devices that ld_name_devices told can do; used by the owning thread alone.
    std::map<std::string, std::pair<bool, bool>> named;
    // Whom we have sent a request to: the servers of the profile, and where those sent us on to. Guarded by the mutex.
    std::set<std::string> servers;
    std::atomic<int32_t> strangers{0};
    std::atomic<int64_t> stranger_told{0};
    // Where the microphone goes whatever the calls hear of it: the bridge measures only what somebody listens to, and who
    // speaks while muted is to be told.
    pj_pool_t *meter_pool = nullptr;
    pjsua_conf_port_id meter = PJSUA_INVALID_ID;
    // Calls to be freed once that harms nobody; used by the owning thread alone.
    std::vector<std::unique_ptr<PhoneCall>> ended;

    void post(ld_event &e) {
        if (!e.text) e.text = "";
        if (!e.text2) e.text2 = "";
        if (!e.text3) e.text3 = "";
        if (config.on_event) config.on_event(config.context, &e);
    }
    PhoneCall *call(uint64_t key, ld_error *error) {
        std::lock_guard<std::mutex> lock(mutex);
        auto it = calls.find(key);
        if (it != calls.end()) return it->second.get();
        fail(error, PJ_ENOTFOUND, "no such call");
        return nullptr;
    }
    PhoneAccount *account(int32_t id, ld_error *error) {
        std::lock_guard<std::mutex> lock(mutex);
        auto it = accounts.find(id);
        if (it != accounts.end()) return it->second.get();
        fail(error, PJ_ENOTFOUND, "no such account");
        return nullptr;
    }
    std::string take_tls_problem() {
        std::lock_guard<std::mutex> lock(mutex);
        std::string t;
        t.swap(tls_problem);
        return t;
    }
    TransportId transport(int32_t kind, const std::string &extra_ca);
};

// A phone is called by its servers; whoever else knocks is a scanner, and gets no answer that tells of a phone. The module
// stands before all others: it sees what comes in first and what goes out last, when the address is known.
std::atomic<Phone *> at_the_door{nullptr};
constexpr size_t MOST_SERVERS = 256;

pj_bool_t turn_away_strangers(pjsip_rx_data *rdata) {
    Phone *phone = at_the_door.load();
    bool stranger = false;
    quietly([&] {
        if (!phone) return;
        {
            std::lock_guard<std::mutex> lock(phone->mutex);
            stranger = phone->servers.count(rdata->pkt_info.src_name) == 0;
        }
        if (!stranger) return;
        int32_t count = ++phone->strangers;
        pj_time_val now;
        pj_gettickcount(&now);
        int64_t told = phone->stranger_told.load();
        if ((told != 0 && now.sec - told < 10) || !phone->stranger_told.compare_exchange_strong(told, now.sec + 1)) return;
        ld_event e{};
        e.kind = LD_EVENT_STRANGER;
        e.code = count;
        e.text = rdata->pkt_info.src_name;
        phone->post(e);
    });
    return stranger ? PJ_TRUE : PJ_FALSE;
}

pj_status_t remember_server(pjsip_tx_data *tdata) {
    Phone *phone = at_the_door.load();
    quietly([&] {
        if (!phone) return;
        std::lock_guard<std::mutex> lock(phone->mutex);
        if (phone->servers.size() < MOST_SERVERS) phone->servers.insert(tdata->tp_info.dst_name);
    });
    return PJ_SUCCESS;
}

pjsip_module the_door = {
    nullptr, nullptr, {const_cast<char *>("mod-linedesk-door"), 17}, -1, PJSIP_MOD_PRIORITY_TRANSPORT_LAYER - 1,
    nullptr, nullptr, nullptr, nullptr, &turn_away_strangers, nullptr, &remember_server, nullptr, nullptr,
};

void PhoneLog::write(const LogEntry &entry) {
    if (phone_.config.on_log)
        phone_.config.on_log(phone_.config.context, entry.level, entry.msg.data(), static_cast<uint32_t>(entry.msg.size()));
}

void PhoneEndpoint::onTransportState(const OnTransportStateParam &prm) {
    quietly([&] {
        if (prm.type.find("TLS") == std::string::npos || prm.state != PJSIP_TP_STATE_DISCONNECTED) return;
        std::string text;
        if (prm.tlsInfo.verifyStatus != 0) {
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
        }
        if (text.empty()) return;
        std::lock_guard<std::mutex> lock(phone_.mutex);
        phone_.tls_problem = text;
    });
}

void PhoneAccount::onRegState(OnRegStateParam &prm) {
    quietly([&] {
        std::string contact, tls;
        if (prm.code / 100 == 2 && prm.rdata.pjRxData) contact = own_contact(static_cast<pjsip_rx_data *>(prm.rdata.pjRxData));
        if (prm.code / 100 != 2) tls = phone_.take_tls_problem();
        std::string reason = prm.reason;
        if (prm.status != PJ_SUCCESS && !prm.rdata.pjRxData) reason = describe(prm.status);
        ld_event e{};
        e.kind = LD_EVENT_REGISTRATION;
        e.account = getId();
        e.code = prm.code;
        e.expires_s = prm.expiration;
        e.text = reason.c_str();
        e.text2 = contact.c_str();
        e.text3 = tls.c_str();
        phone_.post(e);
    });
}

void PhoneAccount::onIncomingCall(OnIncomingCallParam &prm) {
    quietly([&] {
        int32_t refuse = phone_.refuse.load();
        if (refuse == 0 && pjsua_call_get_count() > phone_.config.max_calls) refuse = PJSIP_SC_BUSY_HERE;
        if (refuse != 0) {
            pjsua_call_hangup(prm.callId, static_cast<unsigned>(refuse), nullptr, nullptr);
            ld_event e{};
            e.kind = LD_EVENT_REFUSED;
            e.account = getId();
            e.code = refuse;
            phone_.post(e);
            return;
        }
        Party caller = caller_of(static_cast<pjsip_rx_data *>(prm.rdata.pjRxData));
        uint64_t key = phone_.next_call++;
        auto owned = std::make_unique<PhoneCall>(phone_, *this, key, prm.callId);
        PhoneCall *call = owned.get();
        {
            std::lock_guard<std::mutex> lock(phone_.mutex);
            phone_.calls[key] = std::move(owned);
        }
        // The event goes first, so that nobody hears of a state of a call that he does not know.
        std::string sip_call_id = call->getInfo().callIdString;
        ld_event e{};
        e.kind = LD_EVENT_INCOMING;
        e.account = getId();
        e.call = key;
        e.text = sip_call_id.c_str();
        e.text2 = caller.number.c_str();
        e.text3 = caller.name.c_str();
        phone_.post(e);
        CallOpParam op(true);
        op.opt.videoCount = 0;
        op.opt.textCount = 0;
        op.statusCode = PJSIP_SC_RINGING;
        call->answer(op);
    });
}

// Why a request or an answer says that it ends the call (RFC 3326), "" when it does not say.
std::string reason_of(const SipEvent &event) {
    if (event.type != PJSIP_EVENT_TSX_STATE || event.body.tsxState.type != PJSIP_EVENT_RX_MSG) return "";
    auto *rdata = static_cast<pjsip_rx_data *>(event.body.tsxState.src.rdata.pjRxData);
    if (!rdata || !rdata->msg_info.msg) return "";
    const pj_str_t name = {const_cast<char *>("Reason"), 6};
    std::string all;
    for (void *from = nullptr;;) {
        auto *hdr = static_cast<pjsip_generic_string_hdr *>(pjsip_msg_find_hdr_by_name(rdata->msg_info.msg, &name, from));
        if (!hdr) return all;
        all += (all.empty() ? "" : ", ") + of(hdr->hvalue);
        if (hdr->next == static_cast<void *>(&rdata->msg_info.msg->hdr)) return all;
        from = hdr->next;
    }
}

void PhoneCall::onCallState(OnCallStateParam &prm) {
    quietly([&] {
        CallInfo info = getInfo();
        std::string why = info.state == PJSIP_INV_STATE_DISCONNECTED ? reason_of(prm.e) : "";
        ld_event e{};
        e.kind = LD_EVENT_CALL_STATE;
        e.call = key_;
        e.account = info.accId;
        e.state = info.state;
        e.code = info.lastStatusCode;
        e.text = info.lastReason.c_str();
        e.text2 = why.c_str();
        phone_.post(e);
    });
}

void PhoneCall::onCallMediaState(OnCallMediaStateParam &) {
    quietly([&] {
        CallInfo info = getInfo();
        ld_event e{};
        e.kind = LD_EVENT_CALL_MEDIA;
        e.call = key_;
        e.account = info.accId;
        e.state = LD_MEDIA_NONE;
        for (const auto &m : info.media)
            if (m.type == PJMEDIA_TYPE_AUDIO) {
                e.state = m.status;
                break;
            }
        phone_.post(e);
    });
}

void PhoneCall::onCallTsxState(OnCallTsxStateParam &prm) {
    quietly([&] {
        const SipTransaction &tsx = prm.e.body.tsxState.tsx;
        if (tsx.method != "OPTIONS" || tsx.role != PJSIP_ROLE_UAC) return;
        if (tsx.state != PJSIP_TSX_STATE_COMPLETED && tsx.state != PJSIP_TSX_STATE_TERMINATED) return;
        ld_event e{};
        e.kind = LD_EVENT_PROBE;
        e.call = key_;
        e.code = tsx.statusCode;
        phone_.post(e);
    });
}

// Nobody but the operator makes this phone call somebody, or puts another in the place of who is talking: a PBX joins
// calls by itself.
void PhoneCall::onCallTransferRequest(OnCallTransferRequestParam &prm) { prm.statusCode = PJSIP_SC_DECLINE; }
void PhoneCall::onCallReplaceRequest(OnCallReplaceRequestParam &prm) { prm.statusCode = PJSIP_SC_DECLINE; }

void PhoneCall::onCallTransferStatus(OnCallTransferStatusParam &prm) {
    quietly([&] {
        ld_event e{};
        e.kind = LD_EVENT_TRANSFER;
        e.call = key_;
        e.code = prm.statusCode;
        e.state = prm.finalNotify ? 1 : 0;
        e.text = prm.reason.c_str();
        phone_.post(e);
    });
}

std::string read_file(const std::string &path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

TransportId Phone::transport(int32_t kind, const std::string &extra_ca) {
    std::string key = std::to_string(kind) + ":" + (kind == LD_TLS ? extra_ca : "");
    auto it = transports.find(key);
    if (it != transports.end()) return it->second;
    TransportConfig t;
    // A fixed port is for UDP and TCP; TLS listeners of several accounts could not share it.
    t.port = kind == LD_TLS ? 0 : config.sip_port;
    pjsip_transport_type_e type = PJSIP_TRANSPORT_UDP;
    if (kind == LD_TCP) type = PJSIP_TRANSPORT_TCP;
    if (kind == LD_TLS) {
        type = PJSIP_TRANSPORT_TLS;
        t.tlsConfig.verifyServer = true;
        t.tlsConfig.proto = PJ_SSL_SOCK_PROTO_TLS1_2 | PJ_SSL_SOCK_PROTO_TLS1_3;
        if (extra_ca.empty()) t.tlsConfig.CaListFile = ca_file;
        else t.tlsConfig.CaBuf = (ca_file.empty() ? "" : read_file(ca_file)) + "\n" + read_file(extra_ca);
    }
    TransportId id = endpoint.transportCreate(type, t);
    transports[key] = id;
    return id;
}

PhoneCall *active(ld_phone *phone, uint64_t call, ld_error *error) {
    PhoneCall *c = reinterpret_cast<Phone *>(phone)->call(call, error);
    if (!c || (c->getId() != PJSUA_INVALID_ID && pjsua_call_is_active(c->getId()))) return c;
    fail(error, PJSIP_ESESSIONTERMINATED, "the call is over");
    return nullptr;
}

bool with_call(ld_phone *phone, uint64_t call, ld_error *error, bool (*f)(PhoneCall &, ld_error *)) {
    return guarded(error, [&] {
        PhoneCall *c = active(phone, call, error);
        return c && f(*c, error);
    });
}

CallOpParam audio_only() {
    CallOpParam op(true);
    op.opt.audioCount = 1;
    op.opt.videoCount = 0;
    op.opt.textCount = 0;
    return op;
}

// Unloads ALSA's plugins and its tree of configuration: 7 MB that a phone which waits for calls does not need.
void unload_plugins() {
#if PJMEDIA_AUDIO_DEV_HAS_ALSA
    snd_config_update_free_global();
#endif
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

#if PJMEDIA_AUDIO_DEV_HAS_ALSA
void hush(const char *, int, const char *, int, const char *, ...) {}

bool opens(const char *name, snd_pcm_stream_t direction) {
    snd_pcm_t *pcm = nullptr;
    // Not to wait for a card that another program holds; it is there all the same.
    int result = snd_pcm_open(&pcm, name, direction, SND_PCM_NONBLOCK);
    if (result >= 0) snd_pcm_close(pcm);
    return result >= 0 || result == -EBUSY;
}

// The devices that a person may choose. ALSA's list has dozens of plugins and of names for the same card.
std::vector<std::string> choosable_names() {
    std::vector<std::string> names;
    void **hints = nullptr;
    if (snd_device_name_hint(-1, "pcm", &hints) != 0) return names;
    for (void **h = hints; *h; h++) {
        char *name = snd_device_name_get_hint(*h, "NAME");
        if (!name) continue;
        std::string n(name);
        free(name);
        bool server = n == "default" || n == "pulse" || n == "pipewire";
        bool card = n.rfind("plughw:", 0) == 0 || n.rfind("sysdefault:", 0) == 0;
        if ((server || card) && names.size() < 64) names.push_back(n);
    }
    snd_device_name_free_hint(hints);
    return names;
}
#endif

Phone &self(ld_phone *phone) { return *reinterpret_cast<Phone *>(phone); }

} // namespace

extern "C" {

const char *ld_version(void) { return pj_get_version(); }

ld_phone *ld_create(const ld_config *config, ld_error *error) {
    Phone *made = nullptr;
    bool done = guarded(error, [&] {
        auto phone = std::make_unique<Phone>(*config);
        // Until libInit has our writer, pjlib would print to stdout, which may carry the protocol.
        pj_log_set_level(0);
        Endpoint &ep = phone->endpoint;
        ep.libCreate();
        EpConfig c;
        c.uaConfig.threadCnt = 1;
        c.uaConfig.maxCalls = config->max_calls + 4;
        c.uaConfig.userAgent = phone->user_agent;
        c.uaConfig.mwiUnsolicitedEnabled = false;
        c.logConfig.level = static_cast<unsigned>(config->log_level);
        c.logConfig.consoleLevel = static_cast<unsigned>(config->log_level);
        c.logConfig.msgLogging = config->sip_trace ? 1 : 0;
        c.logConfig.decor = PJ_LOG_HAS_SENDER;
        c.logConfig.writer = new PhoneLog(*phone); // pjsua2 deletes it with the endpoint
        c.medConfig.clockRate = 48000;
        c.medConfig.channelCount = 1;
        c.medConfig.audioFramePtime = 20;
        c.medConfig.quality = 6;
        c.medConfig.noVad = true;
        c.medConfig.ecTailLen = 0;
        c.medConfig.threadCnt = 1;
        c.medConfig.confThreads = 0;
        c.medConfig.maxMediaPorts = 64;
        // Opening and closing the device is ours: ld_sound_open, ld_sound_close.
        c.medConfig.sndAutoCloseTime = -1;
        try {
            ep.libInit(c);
            at_the_door = phone.get();
            pj_status_t status = pjsip_endpt_register_module(pjsua_get_pjsip_endpt(), &the_door);
            if (status != PJ_SUCCESS) throw Error(status, "register module", describe(status), __FILE__, __LINE__);
            ep.libStart();
            pjsua_set_no_snd_dev();
            phone->meter_pool = pjsua_pool_create("meter", 512, 512);
            pjmedia_port *nowhere = nullptr;
            const unsigned rate = c.medConfig.clockRate, frame = rate * c.medConfig.audioFramePtime / 1000;
            if (pjmedia_null_port_create(phone->meter_pool, rate, 1, frame, 16, &nowhere) == PJ_SUCCESS)
                pjsua_conf_add_port(phone->meter_pool, nowhere, &phone->meter);
        } catch (...) {
            try { ep.libDestroy(PJSUA_DESTROY_NO_NETWORK); } catch (...) {}
            at_the_door = nullptr;
            throw;
        }
        phone->rtp_first = config->rtp_first;
        phone->rtp_last = config->rtp_last;
        made = phone.release();
        return true;
    });
    return done ? reinterpret_cast<ld_phone *>(made) : nullptr;
}

void ld_destroy(ld_phone *phone) {
    if (!phone) return;
    Phone *p = reinterpret_cast<Phone *>(phone);
    quietly([&] { p->endpoint.hangupAllCalls(); });
    // Objects first: their destructors still need the library. pjsua_acc_del unregisters; libDestroy waits for the answers.
    quietly([&] {
        std::map<uint64_t, std::unique_ptr<PhoneCall>> calls;
        {
            std::lock_guard<std::mutex> lock(p->mutex);
            calls.swap(p->calls);
        }
        calls.clear();
        p->ended.clear();
    });
    quietly([&] { if (p->meter != PJSUA_INVALID_ID) pjsua_conf_remove_port(p->meter); });
    quietly([&] {
        for (auto &a : p->accounts) quietly([&] { if (a.second->isValid() && a.second->getInfo().regIsActive) a.second->setRegistration(false); });
    });
    // The writer goes with the library; what is logged after that would end on stdout. Whoever calls has waited for the
    // registrars' answers, so libDestroy need not sleep its second for them (NO_RX_MSG).
    pj_log_set_level(0);
    quietly([&] { p->endpoint.libDestroy(PJSUA_DESTROY_NO_RX_MSG); });
    at_the_door = nullptr;
    quietly([&] { p->accounts.clear(); });
    quietly([&] { delete p; });
}

void ld_refuse_calls(ld_phone *phone, int32_t code) { self(phone).refuse = code; }

void ld_rtp_ports(ld_phone *phone, uint16_t first, uint16_t last) {
    self(phone).rtp_first = first;
    self(phone).rtp_last = last;
}

bool ld_codecs(ld_phone *phone, const char *const *ids, uint32_t count, ld_error *error) {
    return guarded(error, [&] {
        Endpoint &ep = self(phone).endpoint;
        ep.codecSetPriority("", 0); // "" matches every codec
        for (uint32_t i = 0; i < count; i++) {
            // A codec that this build does not have is left out rather than refused: the others still make calls.
            quietly([&] { ep.codecSetPriority(ids[i], static_cast<pj_uint8_t>(250 - i)); });
        }
        return true;
    });
}

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
        if (a->route && *a->route) c.sipConfig.proxies.push_back(a->route);
        c.sipConfig.transportId = p.transport(a->transport, a->ca_file ? a->ca_file : "");
        c.callConfig.timerUse = PJSUA_SIP_TIMER_OPTIONAL;
        c.mediaConfig.transportConfig.port = p.rtp_first;
        c.mediaConfig.transportConfig.portRange = static_cast<unsigned>(p.rtp_last - p.rtp_first);
        c.mediaConfig.srtpUse = a->srtp == LD_SRTP_OFF ? PJMEDIA_SRTP_DISABLED : PJMEDIA_SRTP_MANDATORY;
        c.mediaConfig.srtpSecureSignaling = a->srtp == LD_SRTP_SDES ? 1 : 0;
        if (a->srtp == LD_SRTP_SDES) c.mediaConfig.srtpOpt.keyings = {PJMEDIA_SRTP_KEYING_SDES};
        if (a->srtp == LD_SRTP_DTLS) c.mediaConfig.srtpOpt.keyings = {PJMEDIA_SRTP_KEYING_DTLS_SRTP};
        auto account = std::make_unique<PhoneAccount>(p);
        account->create(c);
        *id = account->getId();
        std::lock_guard<std::mutex> lock(p.mutex);
        p.accounts[*id] = std::move(account);
        return true;
    });
}

bool ld_account_register(ld_phone *phone, int32_t id, bool on, ld_error *error) {
    return guarded(error, [&] {
        PhoneAccount *a = self(phone).account(id, error);
        if (!a) return false;
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
        // ~Account → pjsua_acc_del, which unregisters.
        gone.reset();
        return true;
    });
}

bool ld_call_make(ld_phone *phone, int32_t account, const char *uri, const char *const *headers, uint32_t count,
                  uint64_t *key, char sip_call_id[LD_CALL_ID], ld_error *error) {
    return guarded(error, [&] {
        Phone &p = self(phone);
        PhoneAccount *a = p.account(account, error);
        if (!a) return false;
        *key = p.next_call++;
        auto owned = std::make_unique<PhoneCall>(p, *a, *key);
        PhoneCall *call = owned.get();
        {
            // Parked before makeCall: its callbacks fire before it returns.
            std::lock_guard<std::mutex> lock(p.mutex);
            p.calls[*key] = std::move(owned);
        }
        CallOpParam op = audio_only();
        for (uint32_t i = 0; i < count; i++) {
            SipHeader h;
            h.hName = headers[2 * i];
            h.hValue = headers[2 * i + 1];
            op.txOption.headers.push_back(h);
        }
        try {
            call->makeCall(uri, op);
            copy_text(sip_call_id, LD_CALL_ID, call->getInfo().callIdString);
        } catch (...) {
            if (call->getId() == PJSUA_INVALID_ID) {
                std::lock_guard<std::mutex> lock(p.mutex);
                p.calls.erase(*key);
            }
            throw;
        }
        return true;
    });
}

bool ld_call_answer(ld_phone *phone, uint64_t call, int32_t code, ld_error *error) {
    return guarded(error, [&] {
        PhoneCall *c = self(phone).call(call, error);
        if (!c) return false;
        CallOpParam op = audio_only();
        op.statusCode = static_cast<pjsip_status_code>(code);
        c->answer(op);
        return true;
    });
}

bool ld_call_hangup(ld_phone *phone, uint64_t call, int32_t code, ld_error *error) {
    return guarded(error, [&] {
        PhoneCall *c = self(phone).call(call, error);
        if (!c) return false;
        CallOpParam op;
        op.statusCode = static_cast<pjsip_status_code>(code);
        c->hangup(op);
        return true;
    });
}

bool ld_call_hold(ld_phone *phone, uint64_t call, ld_error *error) {
    return with_call(phone, call, error, [](PhoneCall &c, ld_error *) {
        c.setHold(audio_only());
        return true;
    });
}

bool ld_call_unhold(ld_phone *phone, uint64_t call, ld_error *error) {
    return with_call(phone, call, error, [](PhoneCall &c, ld_error *) {
        CallOpParam op = audio_only();
        op.opt.flag |= PJSUA_CALL_UNHOLD;
        c.reinvite(op);
        return true;
    });
}

bool ld_call_dtmf(ld_phone *phone, uint64_t call, const char *digits, ld_error *error) {
    return guarded(error, [&] {
        PhoneCall *c = self(phone).call(call, error);
        if (!c) return false;
        CallSendDtmfParam p;
        p.method = PJSUA_DTMF_METHOD_RFC2833;
        p.digits = digits;
        c->sendDtmf(p);
        return true;
    });
}

bool ld_call_connect(ld_phone *phone, uint64_t call, bool microphone, ld_error *error) {
    return guarded(error, [&] {
        PhoneCall *c = self(phone).call(call, error);
        if (!c) return false;
        pjsua_conf_port_id port = c->getId() == PJSUA_INVALID_ID ? PJSUA_INVALID_ID : pjsua_call_get_conf_port(c->getId());
        if (port == PJSUA_INVALID_ID) {
            fail(error, PJ_EINVALIDOP, "the call has no sound stream");
            return false;
        }
        if (!ok(pjsua_conf_connect(port, 0), error)) return false;
        // Without it a warning is missing, and the call goes on.
        if (const pjsua_conf_port_id meter = self(phone).meter; meter != PJSUA_INVALID_ID) pjsua_conf_connect(0, meter);
        pj_status_t status = microphone ? pjsua_conf_connect(0, port) : pjsua_conf_disconnect(0, port);
        // Disconnecting what was not connected is what was wished for.
        return microphone ? ok(status, error) : true;
    });
}

bool ld_call_transfer(ld_phone *phone, uint64_t call, const char *uri, ld_error *error) {
    return guarded(error, [&] {
        PhoneCall *c = active(phone, call, error);
        if (!c) return false;
        c->xfer(uri, CallOpParam());
        return true;
    });
}

bool ld_call_transfer_into(ld_phone *phone, uint64_t call, uint64_t other, ld_error *error) {
    return guarded(error, [&] {
        PhoneCall *c = active(phone, call, error);
        PhoneCall *o = c ? active(phone, other, error) : nullptr;
        if (!o) return false;
        CallOpParam op;
        // Whoever does not know Replaces must not be made to refuse: a PBX joins the two itself.
        op.options = PJSUA_XFER_NO_REQUIRE_REPLACES;
        c->xferReplaces(*o, op);
        return true;
    });
}

bool ld_calls_mix(ld_phone *phone, uint64_t one, uint64_t other, bool on, ld_error *error) {
    return guarded(error, [&] {
        PhoneCall *a = active(phone, one, error);
        PhoneCall *b = a ? active(phone, other, error) : nullptr;
        if (!b) return false;
        pjsua_conf_port_id from = pjsua_call_get_conf_port(a->getId()), to = pjsua_call_get_conf_port(b->getId());
        if (from == PJSUA_INVALID_ID || to == PJSUA_INVALID_ID) {
            fail(error, PJ_EINVALIDOP, "a call has no sound stream");
            return false;
        }
        if (on) return ok(pjsua_conf_connect(from, to), error) && ok(pjsua_conf_connect(to, from), error);
        // Disconnecting what was not connected is what was wished for.
        pjsua_conf_disconnect(from, to);
        pjsua_conf_disconnect(to, from);
        return true;
    });
}

bool ld_call_probe(ld_phone *phone, uint64_t call, ld_error *error) {
    return with_call(phone, call, error, [](PhoneCall &c, ld_error *) {
        CallSendRequestParam p;
        p.method = "OPTIONS";
        c.sendRequest(p);
        return true;
    });
}

bool ld_call_stats(ld_phone *phone, uint64_t call, ld_stats *stats) {
    return guarded(nullptr, [&] {
        PhoneCall *c = self(phone).call(call, nullptr);
        if (!c || c->getId() == PJSUA_INVALID_ID) return false;
        pjsua_call_id id = c->getId();
        pjsua_stream_info info;
        pjsua_stream_stat stat;
        if (pjsua_call_get_stream_info(id, 0, &info) != PJ_SUCCESS || info.type != PJMEDIA_TYPE_AUDIO) return false;
        if (pjsua_call_get_stream_stat(id, 0, &stat) != PJ_SUCCESS) return false;
        memset(stats, 0, sizeof *stats);
        copy_text(stats->codec, sizeof stats->codec, of(info.info.aud.fmt.encoding_name));
        stats->clock_rate = info.info.aud.fmt.clock_rate;
        stats->rx_packets = stat.rtcp.rx.pkt;
        stats->tx_packets = stat.rtcp.tx.pkt;
        stats->rx_lost = stat.rtcp.rx.loss;
        stats->rx_discarded = stat.rtcp.rx.discard;
        stats->tx_lost = stat.rtcp.tx.loss;
        stats->rx_jitter_us = static_cast<uint32_t>(stat.rtcp.rx.jitter.mean);
        stats->rtt_us = static_cast<uint32_t>(stat.rtcp.rtt.last);
        stats->buffer_delay_ms = stat.jbuf.avg_delay;
        pjmedia_transport_info tp;
        pjmedia_transport_info_init(&tp);
        if (pjsua_call_get_med_transport_info(id, 0, &tp) == PJ_SUCCESS)
            for (unsigned i = 0; i < tp.specific_info_cnt; i++)
                if (tp.spc_info[i].type == PJMEDIA_TRANSPORT_TYPE_SRTP)
                    stats->encrypted = reinterpret_cast<pjmedia_srtp_info *>(tp.spc_info[i].buffer)->active;
        return true;
    });
}

// pjsua gives the slot of an ended call to a later one, and ~Call clears and hangs up whatever is in its slot. The later
// call is inactive before its end is told: with its user data cleared in between, nobody would hear of that end.
static bool slot_is_anothers(const PhoneCall &call) {
    const int id = call.getId();
    if (id == PJSUA_INVALID_ID) return false;
    const void *owner = pjsua_call_get_user_data(id);
    return owner != &static_cast<const Call &>(call) && (owner || pjsua_call_is_active(id));
}

bool ld_call_levels(ld_phone *phone, uint64_t call, uint32_t *microphone, uint32_t *heard) {
    return guarded(nullptr, [&] {
        PhoneCall *c = self(phone).call(call, nullptr);
        pjsua_conf_port_id port = c && c->getId() != PJSUA_INVALID_ID ? pjsua_call_get_conf_port(c->getId()) : PJSUA_INVALID_ID;
        unsigned to = 0, from = 0;
        if (port == PJSUA_INVALID_ID || pjsua_conf_get_signal_level(port, &to, &from) != PJ_SUCCESS) return false;
        *heard = from;
        if (pjsua_conf_get_signal_level(0, &to, &from) != PJ_SUCCESS) return false;
        *microphone = from;
        return true;
    });
}

void ld_call_free(ld_phone *phone, uint64_t call) {
    Phone &p = self(phone);
    {
        std::lock_guard<std::mutex> lock(p.mutex);
        auto it = p.calls.find(call);
        if (it == p.calls.end()) return;
        p.ended.push_back(std::move(it->second));
        p.calls.erase(it);
    }
    quietly([&] {
        // An INVITE that arrives now would take the slot between the look and the end.
        PJSUA_LOCK();
        for (auto it = p.ended.begin(); it != p.ended.end();) it = slot_is_anothers(**it) ? it + 1 : p.ended.erase(it);
        PJSUA_UNLOCK();
    });
}

uint32_t ld_probe_devices(ld_device *devices, uint32_t capacity) {
    uint32_t n = 0;
#if PJMEDIA_AUDIO_DEV_HAS_ALSA
    quietly([&] {
        snd_lib_error_set_handler(hush);
        for (const auto &name : choosable_names()) {
            bool capture = opens(name.c_str(), SND_PCM_STREAM_CAPTURE);
            bool playback = opens(name.c_str(), SND_PCM_STREAM_PLAYBACK);
            if (!capture && !playback) continue;
            if (n < capacity) {
                ld_device &d = devices[n];
                d.index = static_cast<int32_t>(n);
                d.capture = capture;
                d.playback = playback;
                copy_text(d.name, sizeof d.name, name);
                copy_text(d.driver, sizeof d.driver, "ALSA");
            }
            n++;
        }
    });
#else
    (void)devices, (void)capacity;
#endif
    return n;
}

bool ld_name_devices(ld_phone *phone, const ld_device *devices, uint32_t count, ld_error *error) {
    return guarded(error, [&] {
#if PJMEDIA_AUDIO_DEV_HAS_ALSA
        auto &named = self(phone).named;
        named.clear();
        std::vector<const char *> names;
        for (uint32_t i = 0; i < count; i++) {
            names.push_back(devices[i].name);
            named[devices[i].name] = {devices[i].capture, devices[i].playback};
        }
        // With none at all pjmedia would enumerate by itself; ld_devices leaves this one out.
        if (names.empty()) names.push_back("default");
        return ok(pjmedia_aud_alsa_set_devices(nullptr, static_cast<unsigned>(names.size()), names.data()), error);
#else
        (void)phone, (void)devices, (void)count;
        fail(error, PJ_ENOTSUP, "devices are named for ALSA only");
        return false;
#endif
    });
}

uint32_t ld_devices(ld_phone *phone, bool refresh, ld_device *devices, uint32_t capacity) {
    uint32_t n = 0;
    quietly([&] {
#if PJMEDIA_AUDIO_DEV_HAS_ALSA
        (void)refresh;
#else
        if (refresh) pjmedia_aud_dev_refresh();
#endif
        unsigned count = pjmedia_aud_dev_count();
        for (unsigned i = 0; i < count; i++) {
            pjmedia_aud_dev_info info;
            if (pjmedia_aud_dev_get_info(static_cast<pjmedia_aud_dev_index>(i), &info) != PJ_SUCCESS) continue;
            // pjmedia's own device of silence is no sound card.
            if (pj_ansi_stricmp(info.driver, "null") == 0) continue;
            bool capture = info.input_count > 0, playback = info.output_count > 0;
#if PJMEDIA_AUDIO_DEV_HAS_ALSA
            auto known = self(phone).named.find(info.name);
            if (known == self(phone).named.end()) continue;
            capture = known->second.first;
            playback = known->second.second;
#else
            (void)phone;
#endif
            if (n < capacity) {
                ld_device &d = devices[n];
                d.index = static_cast<int32_t>(i);
                d.capture = capture;
                d.playback = playback;
                copy_text(d.name, sizeof d.name, info.name);
                copy_text(d.driver, sizeof d.driver, info.driver);
            }
            n++;
        }
    });
    return n;
}

bool ld_sound_open(ld_phone *, int32_t capture, int32_t playback, bool echo, ld_error *error) {
    return guarded(error, [&] {
        // 4 is WebRTC AEC3, the only one that opens at 48 kHz.
        pjsua_set_ec(echo ? 200 : 0, echo ? 4 : 0);
        return ok(pjsua_set_snd_dev(capture, playback), error);
    });
}

bool ld_sound_null(ld_phone *, ld_error *error) {
    return guarded(error, [&] { return ok(pjsua_set_null_snd_dev(), error); });
}

void ld_sound_close(ld_phone *) {
    quietly([&] {
        pjsua_set_no_snd_dev();
        unload_plugins();
    });
}

} // extern "C"
