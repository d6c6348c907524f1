// The life of the phone: pjlib's start and end, its log, its codecs and ports, and the door that strangers knock at.
#include "card.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

using namespace linedesk;

namespace {

// A phone is called by its servers; whoever else knocks is a scanner, and gets no answer that tells of a phone. The module
// stands before all others: it sees what comes in first and what goes out last, when the address is known.
std::atomic<Phone *> at_the_door{nullptr};
constexpr size_t MOST_SERVERS = 256;
// How long a server that is no longer one may still send what belongs to the last we sent it: longer than any transaction,
// and than the registration that we leave behind there.
constexpr long REMEMBERED_S = 180;

// One message of the trace. pjsua's own would also show what strangers send, cut at the length of a log line.
void trace(Phone &phone, const char *way, const char *name, int port, const char *text, size_t length) {
    if (!phone.sip_trace.load() || !phone.config.on_log) return;
    std::string line = std::string(way) + " " + name + ":" + std::to_string(port) + "\n";
    line.append(text, length);
    phone.config.on_log(phone.config.context, LD_LOG_SIP, line.data(), static_cast<uint32_t>(line.size()));
}

void trace_received(Phone &phone, const pjsip_rx_data &rdata) {
    trace(phone, "received from", rdata.pkt_info.src_name, rdata.pkt_info.src_port, rdata.msg_info.msg_buf,
          static_cast<size_t>(rdata.msg_info.len));
}

pj_bool_t turn_away_strangers(pjsip_rx_data *rdata) {
    Phone *phone = at_the_door.load();
    bool stranger = false;
    quietly([&] {
        if (!phone) return;
        stranger = phone->is_stranger(rdata->pkt_info.src_name);
        if (stranger) phone->turned_away(rdata->pkt_info.src_name);
        else trace_received(*phone, *rdata);
    });
    return stranger ? PJ_TRUE : PJ_FALSE;
}

pj_bool_t see_answer(pjsip_rx_data *rdata) {
    Phone *phone = at_the_door.load();
    quietly([&] {
        if (phone) trace_received(*phone, *rdata);
    });
    return PJ_FALSE;
}

pj_status_t trace_sent(pjsip_tx_data *tdata) {
    Phone *phone = at_the_door.load();
    quietly([&] {
        if (phone)
            trace(*phone, "sent to", tdata->tp_info.dst_name, tdata->tp_info.dst_port, tdata->buf.start,
                  static_cast<size_t>(tdata->buf.cur - tdata->buf.start));
    });
    return PJ_SUCCESS;
}

pj_status_t remember_server(pjsip_tx_data *tdata) {
    Phone *phone = at_the_door.load();
    trace_sent(tdata);
    quietly([&] {
        if (!phone) return;
        std::lock_guard<std::mutex> lock(phone->mutex);
        pj_time_val now;
        pj_gettickcount(&now);
        auto known = phone->servers.find(tdata->tp_info.dst_name);
        if (known != phone->servers.end()) known->second = now.sec;
        else if (phone->servers.size() < MOST_SERVERS) phone->servers[tdata->tp_info.dst_name] = now.sec;
    });
    return PJ_SUCCESS;
}

pjsip_module the_door = {
    nullptr, nullptr, {const_cast<char *>("mod-linedesk-door"), 17}, -1, PJSIP_MOD_PRIORITY_TRANSPORT_LAYER - 1,
    nullptr, nullptr, nullptr, nullptr, &turn_away_strangers, &see_answer, &remember_server, &trace_sent, nullptr,
};

} // namespace

namespace linedesk {

void Phone::turned_away(const char *address) {
    int32_t count = ++strangers;
    pj_time_val now;
    pj_gettickcount(&now);
    int64_t told = stranger_told.load();
    if ((told != 0 && now.sec - told < 10) || !stranger_told.compare_exchange_strong(told, now.sec + 1)) return;
    ld_event e{};
    e.kind = LD_EVENT_STRANGER;
    e.code = count;
    e.text = address;
    post(e);
}

void PhoneLog::write(const LogEntry &entry) {
    if (phone_.config.on_log)
        phone_.config.on_log(phone_.config.context, entry.level, entry.msg.data(), static_cast<uint32_t>(entry.msg.size()));
}

} // namespace linedesk

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
        // Those that were hung up keep their place until the other side has confirmed it, or 32 s.
        c.uaConfig.maxCalls = config->max_calls + 16;
        c.uaConfig.userAgent = phone->user_agent;
        c.uaConfig.mwiUnsolicitedEnabled = false;
        c.logConfig.level = static_cast<unsigned>(config->log_level);
        c.logConfig.consoleLevel = static_cast<unsigned>(config->log_level);
        c.logConfig.msgLogging = 0; // trace()
        phone->sip_trace = config->sip_trace;
        c.logConfig.decor = PJ_LOG_HAS_SENDER;
        c.logConfig.writer = new PhoneLog(*phone); // pjsua2 deletes it with the endpoint
        quality(c.medConfig);
        c.medConfig.threadCnt = 1;
        c.medConfig.confThreads = 0;
        c.medConfig.maxMediaPorts = 64;
        // Opening and closing devices is ours: card.hpp.
        c.medConfig.sndAutoCloseTime = -1;
        try {
            ep.libInit(c);
            opus_quality();
            at_the_door = phone.get();
            pj_status_t status = pjsip_endpt_register_module(pjsua_get_pjsip_endpt(), &the_door);
            if (status == PJ_SUCCESS) status = guard(phone.get());
            if (status != PJ_SUCCESS) throw Error(status, "register module", describe(status), __FILE__, __LINE__);
            phone->resolve_by_table();
            phone->tell_goodbyes();
            // Losing an answer within a call is no reason to end it: sound may flow all the same. Whether anybody is there is
            // found out by the sound and by a probe.
            pjsip_cfg()->endpt.keep_inv_after_tsx_timeout = PJ_TRUE;
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
            guard(nullptr);
            phone->end_table();
            throw;
        }
        phone->rtp_first = config->rtp_first;
        phone->rtp_last = config->rtp_last;
        made = phone.release();
        return true;
    });
    return done ? reinterpret_cast<ld_phone *>(made) : nullptr;
}

bool ld_destroy(ld_phone *phone) {
    if (!phone) return true;
    Phone *p = reinterpret_cast<Phone *>(phone);
    quietly([&] { p->endpoint.hangupAllCalls(); });
    if (p->card && !p->card->end(std::chrono::seconds(2))) {
        // It still holds the bridge and a stream, which cannot be taken from under it. The process ends now anyway.
        pj_log_set_level(0);
        at_the_door = nullptr;
        guard(nullptr);
        p->end_table();
        return false;
    }
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
    quietly([&] { end_players(*p); });
    quietly([&] { end_ear(*p); });
    quietly([&] { if (p->meter != PJSUA_INVALID_ID) pjsua_conf_remove_port(p->meter); });
    quietly([&] {
        for (auto &a : p->accounts) quietly([&] { if (a.second->isValid() && a.second->getInfo().regIsActive) a.second->setRegistration(false); });
    });
    // The writer goes with the library; what is logged after that would end on stdout. Whoever calls has waited for the
    // registrars' answers, so libDestroy need not sleep its second for them (NO_RX_MSG).
    pj_log_set_level(0);
    quietly([&] { p->endpoint.libDestroy(PJSUA_DESTROY_NO_RX_MSG); });
    at_the_door = nullptr;
    guard(nullptr);
    p->end_table();
    for (auto &a : p->accounts) a.second->pools_are_gone();
    quietly([&] { p->accounts.clear(); });
    quietly([&] { delete p; });
    return true;
}

void ld_memory_use(ld_phone *, ld_memory *memory) {
    memory->heap = 0;
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    const struct mallinfo2 info = mallinfo2();
    memory->heap = info.uordblks + info.hblkhd;
#endif
    memory->pools = pjsua_var.cp.used_count;
    memory->pool_bytes = pjsua_var.cp.used_size;
}

void ld_log_level(ld_phone *phone, int32_t level, bool sip_trace) {
    self(phone).sip_trace = sip_trace;
    pjsua_var.log_cfg.level = pjsua_var.log_cfg.console_level = static_cast<unsigned>(level);
    pj_log_set_level(level);
}

void ld_refuse_calls(ld_phone *phone, int32_t code) { self(phone).refuse = code; }

void ld_rtp_ports(ld_phone *phone, uint16_t first, uint16_t last) {
    self(phone).rtp_first = first;
    self(phone).rtp_last = last;
}

void ld_servers_are(ld_phone *phone, const char *const *addresses, uint32_t count) {
    quietly([&] {
        pj_time_val now;
        pj_gettickcount(&now);
        std::lock_guard<std::mutex> lock(self(phone).mutex);
        auto &servers = self(phone).servers;
        for (auto it = servers.begin(); it != servers.end();) it = now.sec - it->second > REMEMBERED_S ? servers.erase(it) : std::next(it);
        for (uint32_t i = 0; i < count; i++) servers[addresses[i]] = now.sec;
    });
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

} // extern "C"
