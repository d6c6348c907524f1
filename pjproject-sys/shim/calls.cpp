// Calls: how they come and are made, what becomes of them, what is sent and measured within them, and how they are freed.
#include "card.hpp"

using namespace linedesk;

namespace {

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

// pjsua gives the slot of an ended call to a later one, and ~Call clears and hangs up whatever is in its slot. The later
// call is inactive before its end is told: with its user data cleared in between, nobody would hear of that end.
bool slot_is_anothers(const PhoneCall &call) {
    const int id = call.getId();
    if (id == PJSUA_INVALID_ID) return false;
    const void *owner = pjsua_call_get_user_data(id);
    return owner != &static_cast<const Call &>(call) && (owner || pjsua_call_is_active(id));
}

} // namespace

namespace linedesk {

void PhoneCall::onCallState(OnCallStateParam &prm) {
    quietly([&] {
        CallInfo info = getInfo();
        {
            std::lock_guard<std::mutex> lock(phone_.mutex);
            if (sip_call_id.empty()) sip_call_id = info.callIdString;
        }
        const std::string why = readable(info.state == PJSIP_INV_STATE_DISCONNECTED ? reason_of(prm.e) : "");
        const std::string reason = readable(info.lastReason);
        ld_event e{};
        e.kind = LD_EVENT_CALL_STATE;
        e.call = key_;
        e.account = info.accId;
        e.state = info.state;
        e.code = info.lastStatusCode;
        e.text = reason.c_str();
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
        if ((tsx.method != "OPTIONS" && tsx.method != "INFO") || tsx.role != PJSIP_ROLE_UAC) return;
        if (tsx.state != PJSIP_TSX_STATE_COMPLETED && tsx.state != PJSIP_TSX_STATE_TERMINATED) return;
        // The end of a transaction whose answer was told is no second answer.
        if (prm.e.body.tsxState.prevState == PJSIP_TSX_STATE_COMPLETED) return;
        // pjsip asks again with a digest by itself.
        if (tsx.statusCode == PJSIP_SC_UNAUTHORIZED || tsx.statusCode == PJSIP_SC_PROXY_AUTHENTICATION_REQUIRED) return;
        ld_event e{};
        e.kind = tsx.method == "INFO" ? LD_EVENT_DIGIT : LD_EVENT_PROBE;
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

} // namespace linedesk

extern "C" {

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
            // With ICE the INVITE leaves later, and nothing was told of the call yet; its dialog has the name already.
            const std::string named = call->getInfo().callIdString;
            std::lock_guard<std::mutex> lock(p.mutex);
            if (call->sip_call_id.empty()) call->sip_call_id = named;
            copy_text(sip_call_id, LD_CALL_ID, call->sip_call_id);
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
        // Between a redirection and the word about it there is no INVITE that could be cancelled.
        if (c->redirected.exchange(false)) {
            c->processRedirect(PJSIP_REDIRECT_STOP);
            return true;
        }
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
    quietly([&] {
        if (p.card) p.card->settle();
    });
}

} // extern "C"
