// The bounds that pjsip has not: its own PJSIP_MAX_TSX_COUNT and PJSIP_MAX_DIALOG_COUNT are sizes of tables, not limits. Who
// got past the door is a server of the profile; a server can be broken, or somebody else by now. What is too much is
// answered without keeping anything, or dropped and counted.
#include "phone.hpp"

using namespace linedesk;

namespace {

// An INVITE of a PBX has about thirty.
constexpr unsigned MOST_HEADERS = 200;
// Each lives for 32 s behind its answer and takes about 10 KB. Eight busy calls keep a dozen.
constexpr unsigned MOST_TRANSACTIONS = 512;
// What begins and ends calls is still heard when nothing else is: of calls there are never many.
constexpr unsigned MOST_WITH_CALLS = 2 * MOST_TRANSACTIONS;
// Answers to challenges in one request: a proxy or two, and the registrar. A server that asks anew each time with another
// realm would be answered for ever.
constexpr unsigned MOST_CHALLENGES = 4;
// Seconds that a registrar may ask us to stay registered at least, and what they are rounded up to: pjsip does as it is
// told each time, and a registrar that always wants a second more got fifty thousand REGISTERs in five seconds.
constexpr unsigned LONGEST_EXPIRY_S = 24 * 3600, SHORTEST_EXPIRY_S = 60;
// Seconds between two events that an INVITE was refused: a storm of them must not fill the queue of events.
constexpr int64_t REFUSED_EVERY_S = 1;

std::atomic<Phone *> guarded_phone{nullptr};

bool is(const pjsip_rx_data &rdata, const char *method) {
    return pj_stricmp2(&rdata.msg_info.msg->line.req.method.name, method) == 0;
}

bool is_too_large(const pjsip_rx_data &rdata) {
    // A datagram that fills the buffer was cut.
    if ((rdata.tp_info.transport->flag & PJSIP_TRANSPORT_DATAGRAM) && rdata.pkt_info.len >= PJSIP_MAX_PKT_LEN) return true;
    return pj_list_size(&rdata.msg_info.msg->hdr) > MOST_HEADERS;
}

bool has_transaction(pjsip_rx_data *rdata) {
    pj_str_t key;
    const pjsip_method *method = &rdata->msg_info.cseq->method;
    return pjsip_tsx_create_key(rdata->tp_info.pool, &key, PJSIP_ROLE_UAS, method, rdata) == PJ_SUCCESS &&
           pjsip_tsx_layer_find_tsx(&key, PJ_FALSE) != nullptr;
}

void answer(pjsip_rx_data *rdata, int code) {
    pjsip_hdr headers;
    pj_list_init(&headers);
    if (code == PJSIP_SC_METHOD_NOT_ALLOWED)
        if (const pjsip_hdr *allow = pjsip_endpt_get_capability(pjsua_get_pjsip_endpt(), PJSIP_H_ALLOW, nullptr))
            pj_list_push_back(&headers, pjsip_hdr_clone(rdata->tp_info.pool, allow));
    pjsip_endpt_respond_stateless(pjsua_get_pjsip_endpt(), rdata, code, nullptr, &headers, nullptr);
}

void tell_refused(Phone &phone, int code) {
    pj_time_val now;
    pj_gettickcount(&now);
    int64_t told = phone.refused_told.load();
    if ((told != 0 && now.sec + 1 - told < REFUSED_EVERY_S) || !phone.refused_told.compare_exchange_strong(told, now.sec + 1)) return;
    ld_event e{};
    e.kind = LD_EVENT_REFUSED;
    e.account = -1;
    e.code = code;
    phone.post(e);
}

pj_bool_t bound(pjsip_rx_data *rdata) {
    Phone *phone = guarded_phone.load();
    bool done = false;
    quietly([&] {
        if (!phone) return;
        if (is_too_large(*rdata)) {
            phone->turned_away(rdata->pkt_info.src_name);
            done = true;
            return;
        }
        if (is(*rdata, "ACK") || has_transaction(rdata)) return;
        const bool begins = is(*rdata, "INVITE") && rdata->msg_info.to->tag.slen == 0;
        if (begins) {
            // Here it costs nothing; once pjsua has it, it has a call, sockets and a transaction.
            int code = phone->refuse.load();
            if (code == 0 && live_calls() >= phone->config.max_calls) code = PJSIP_SC_BUSY_HERE;
            if (code != 0) {
                answer(rdata, code);
                tell_refused(*phone, code);
                done = true;
                return;
            }
        }
        const bool call = begins || is(*rdata, "BYE") || is(*rdata, "CANCEL");
        if (pjsip_tsx_layer_get_tsx_count() >= (call ? MOST_WITH_CALLS : MOST_TRANSACTIONS)) {
            answer(rdata, PJSIP_SC_SERVICE_UNAVAILABLE);
            done = true;
        }
    });
    return done ? PJ_TRUE : PJ_FALSE;
}

pj_status_t not_for_ever(pjsip_tx_data *tdata) {
    unsigned count = 0;
    for (const pjsip_hdr *hdr = tdata->msg->hdr.next; hdr != &tdata->msg->hdr; hdr = hdr->next)
        count += hdr->type == PJSIP_H_AUTHORIZATION || hdr->type == PJSIP_H_PROXY_AUTHORIZATION;
    return count > MOST_CHALLENGES ? PJSIP_EFAILEDCREDENTIAL : PJ_SUCCESS;
}

pj_bool_t doubled_at_least(pjsip_rx_data *rdata) {
    if (rdata->msg_info.msg->line.status.code != PJSIP_SC_INTERVAL_TOO_BRIEF) return PJ_FALSE;
    void *hdr = pjsip_msg_find_hdr(rdata->msg_info.msg, PJSIP_H_MIN_EXPIRES, nullptr);
    if (!hdr) return PJ_FALSE;
    auto *least = static_cast<pjsip_min_expires_hdr *>(hdr);
    unsigned rounded = SHORTEST_EXPIRY_S;
    while (rounded < least->ivalue && rounded <= LONGEST_EXPIRY_S) rounded *= 2;
    // Not more than we asked for: pjsip gives up.
    least->ivalue = rounded <= LONGEST_EXPIRY_S ? rounded : 0;
    return PJ_FALSE;
}

// Behind the dialogs: what comes here belongs to none. pjsua would take subscriptions to the operator's presence and
// messages that nobody sees, and leave what it does not know without an answer, to be sent ten times.
pj_bool_t not_ours(pjsip_rx_data *rdata) {
    bool done = false;
    quietly([&] {
        for (const char *ours : {"INVITE", "ACK", "CANCEL", "OPTIONS"})
            if (is(*rdata, ours)) return;
        if (rdata->msg_info.to->tag.slen != 0) return;
        const bool event = is(*rdata, "NOTIFY") || is(*rdata, "SUBSCRIBE");
        answer(rdata, event ? PJSIP_SC_BAD_EVENT : PJSIP_SC_METHOD_NOT_ALLOWED);
        done = true;
    });
    return done ? PJ_TRUE : PJ_FALSE;
}

pjsip_module before_transactions = {
    nullptr, nullptr, {const_cast<char *>("mod-linedesk-guard"), 18}, -1, PJSIP_MOD_PRIORITY_TRANSPORT_LAYER + 1,
    nullptr, nullptr, nullptr, nullptr, &bound, &doubled_at_least, &not_for_ever, nullptr, nullptr,
};

pjsip_module behind_dialogs = {
    nullptr, nullptr, {const_cast<char *>("mod-linedesk-rest"), 17}, -1, PJSIP_MOD_PRIORITY_UA_PROXY_LAYER + 1,
    nullptr, nullptr, nullptr, nullptr, &not_ours, nullptr, nullptr, nullptr, nullptr,
};

} // namespace

namespace linedesk {

unsigned live_calls() {
    unsigned count = 0;
    PJSUA_LOCK();
    // One that was hung up waits for its ACK or for the answer to its BYE, and is nobody's business any more.
    for (unsigned i = 0; i < pjsua_var.ua_cfg.max_calls; i++)
        count += pjsua_var.calls[i].inv && !pjsua_var.calls[i].hanging_up;
    PJSUA_UNLOCK();
    return count;
}

pj_status_t guard(Phone *phone) {
    guarded_phone = phone;
    if (!phone) return PJ_SUCCESS;
    pj_status_t status = pjsip_endpt_register_module(pjsua_get_pjsip_endpt(), &before_transactions);
    return status != PJ_SUCCESS ? status : pjsip_endpt_register_module(pjsua_get_pjsip_endpt(), &behind_dialogs);
}

} // namespace linedesk
