// How a call comes: who calls, and what else its INVITE says; and where a call that we make is sent on to.
#include "phone.hpp"

using namespace linedesk;

namespace {

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

// Where the '>' of the first address stands; one within a quoted name is none.
size_t end_of_address(const std::string &value) {
    bool quoted = false;
    for (size_t i = 0; i < value.size(); i++) {
        if (quoted && value[i] == '\\') i++;
        else if (value[i] == '"') quoted = !quoted;
        else if (value[i] == '>' && !quoted) return i;
    }
    return std::string::npos;
}

// The caller of an INVITE: P-Asserted-Identity (RFC 3325), else Remote-Party-ID, else From.
Party caller_of(pjsip_rx_data *rdata) {
    const pj_str_t names[] = {{const_cast<char *>("P-Asserted-Identity"), 19}, {const_cast<char *>("Remote-Party-ID"), 15}};
    for (const auto &name : names) {
        auto *hdr = static_cast<pjsip_generic_string_hdr *>(pjsip_msg_find_hdr_by_name(rdata->msg_info.msg, &name, nullptr));
        if (!hdr) continue;
        // The parser writes a NUL behind the text and cuts parameters it does not know: give it a copy, up to the '>'.
        std::string value = of(hdr->hvalue);
        auto end = end_of_address(value);
        if (end != std::string::npos) value.resize(end + 1);
        auto *copy = static_cast<char *>(pj_pool_alloc(rdata->tp_info.pool, value.size() + 1));
        memcpy(copy, value.c_str(), value.size() + 1);
        const pjsip_uri *uri = pjsip_parse_uri(rdata->tp_info.pool, copy, value.size(), PJSIP_PARSE_URI_AS_NAMEADDR);
        Party p = party_of(uri);
        if (!p.number.empty() || !p.name.empty()) return p;
    }
    return rdata->msg_info.from ? party_of(rdata->msg_info.from->uri) : Party();
}

// The headers of an INVITE as lines; whoever reads them bounds them. A message has at most PJSIP_MAX_PKT_LEN bytes.
std::string headers_of(pjsip_rx_data *rdata) {
    std::string all;
    const pjsip_hdr *end = &rdata->msg_info.msg->hdr;
    for (const pjsip_hdr *hdr = end->next; hdr != end; hdr = hdr->next) {
        // What proves somebody's right to call is nobody's to read.
        if (hdr->type == PJSIP_H_AUTHORIZATION || hdr->type == PJSIP_H_PROXY_AUTHORIZATION) continue;
        char line[2048];
        int n = pjsip_hdr_print_on(const_cast<pjsip_hdr *>(hdr), line, sizeof line);
        if (n <= 0) continue;
        for (int i = 0; i < n; i++)
            if (line[i] == '\r' || line[i] == '\n' || line[i] == 0) line[i] = ' ';
        all.append(line, static_cast<size_t>(n)).push_back('\n');
    }
    return all;
}

} // namespace

namespace linedesk {

void PhoneAccount::onIncomingCall(OnIncomingCallParam &prm) {
    quietly([&] {
        int32_t refuse = phone_.refuse.load();
        // Most are refused before they come here (guard.cpp).
        if (refuse == 0 && live_calls() > phone_.config.max_calls) refuse = PJSIP_SC_BUSY_HERE;
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
        caller.number = readable(caller.number);
        caller.name = readable(caller.name);
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
        std::string headers = headers_of(static_cast<pjsip_rx_data *>(prm.rdata.pjRxData));
        e.headers = headers.c_str();
        phone_.post(e);
        CallOpParam op(true);
        op.opt.videoCount = 0;
        op.opt.textCount = 0;
        op.statusCode = PJSIP_SC_RINGING;
        call->answer(op);
    });
}

// Whether it is followed is the engine's to say: pjsip waits, and ld_call_redirect goes on.
pjsip_redirect_op PhoneCall::onCallRedirected(OnCallRedirectedParam &prm) {
    redirected = true;
    quietly([&] {
        ld_event e{};
        e.kind = LD_EVENT_REDIRECTED;
        e.call = key_;
        e.text = prm.targetUri.c_str();
        phone_.post(e);
    });
    return PJSIP_REDIRECT_PENDING;
}

} // namespace linedesk

extern "C" {

bool ld_call_redirect(ld_phone *phone, uint64_t call, bool follow, ld_error *error) {
    return guarded(error, [&] {
        PhoneCall *c = self(phone).call(call, error);
        if (!c) return false;
        // Hung up meanwhile: that has ended it.
        if (!c->redirected.exchange(false)) return true;
        pj_status_t status = pjsua_call_process_redirect(c->getId(), follow ? PJSIP_REDIRECT_ACCEPT : PJSIP_REDIRECT_REJECT);
        // No next one is there, and the call has ended with that.
        if (!follow && status == PJSIP_ESESSIONTERMINATED) return true;
        return ok(status, error);
    });
}

} // extern "C"
