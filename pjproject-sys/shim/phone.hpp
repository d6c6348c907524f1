// The shim's own header: the objects that pjsua2 calls back, the phone that holds them, and what its rooms share. The
// border itself, with its rules, is linedesk_shim.h.
#ifndef LINEDESK_PHONE_HPP
#define LINEDESK_PHONE_HPP

#include "linedesk_shim.h"

#include <pjsua2.hpp>
#include <pjsua-lib/pjsua_internal.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

using namespace pj;

namespace linedesk {

class Phone;

// Samples in a second of the bridge, and in a frame of it and of whatever moves it; quality.cpp says why.
constexpr unsigned BRIDGE_RATE = 48000, BRIDGE_FRAME = BRIDGE_RATE / 100;
struct Player;
struct Ear;
class SoundCard;

inline void copy_text(char *to, size_t size, const std::string &from) {
    size_t n = from.size() < size - 1 ? from.size() : size - 1;
    // Never cut a UTF-8 character in two.
    while (n > 0 && n < from.size() && (static_cast<unsigned char>(from[n]) & 0xC0) == 0x80) n--;
    memcpy(to, from.data(), n);
    to[n] = 0;
}

// What somebody else wrote and a person will read: of bounded length, and without what would break a line.
inline std::string readable(const std::string &text) {
    char cut[LD_TEXT];
    copy_text(cut, sizeof cut, text);
    for (char *c = cut; *c; c++)
        if (static_cast<unsigned char>(*c) < 0x20 || *c == 0x7f) *c = ' ';
    return cut;
}

inline void fail(ld_error *error, int32_t status, const std::string &message) {
    if (!error) return;
    error->status = status;
    error->os_error = 0;
    if (status >= PJ_ERRNO_START_SYS && status < PJ_ERRNO_START_SYS + PJ_ERRNO_SPACE_SIZE)
        error->os_error = status - PJ_ERRNO_START_SYS;
    copy_text(error->message, LD_TEXT, message);
}

inline std::string describe(pj_status_t status) {
    char text[PJ_ERR_MSG_SIZE];
    pj_str_t s = pj_strerror(status, text, sizeof text);
    return std::string(s.ptr, static_cast<size_t>(s.slen));
}

inline bool ok(pj_status_t status, ld_error *error) {
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

inline std::string of(const pj_str_t &s) { return s.slen > 0 ? std::string(s.ptr, static_cast<size_t>(s.slen)) : std::string(); }

class PhoneCall final : public Call {
public:
    PhoneCall(Phone &phone, Account &account, uint64_t key, int id = PJSUA_INVALID_ID) : Call(account, id), phone_(phone), key_(key) {}
    void onCallState(OnCallStateParam &prm) override;
    void onCallMediaState(OnCallMediaStateParam &prm) override;
    void onCallTsxState(OnCallTsxStateParam &prm) override;
    void onCallTransferRequest(OnCallTransferRequestParam &prm) override;
    void onCallReplaceRequest(OnCallReplaceRequestParam &prm) override;
    void onCallTransferStatus(OnCallTransferStatusParam &prm) override;
    pjsip_redirect_op onCallRedirected(OnCallRedirectedParam &prm) override;

    // Whether the call stands still until somebody says whether a redirection is followed.
    std::atomic<bool> redirected{false};
    // From the first state on: of a call that was refused at once pjsua tells nothing any more. Guarded by the phone's mutex.
    std::string sip_call_id;
    // Digits as tones; used by the owning thread alone.
    std::unique_ptr<ToneGenerator> tones;

private:
    Phone &phone_;
    const uint64_t key_;
};

class PhoneAccount final : public Account {
public:
    explicit PhoneAccount(Phone &phone) : phone_(phone) {}
    ~PhoneAccount() override;
    void onRegState(OnRegStateParam &prm) override;
    void onIncomingCall(OnIncomingCallParam &prm) override;
    // The route to a server, parsed; each text once, so that a day of going to and fro takes no memory.
    pjsip_route_hdr *route(const std::string &text);
    // The library has ended and taken its memory with it.
    void pools_are_gone() { pool_ = nullptr; }
    int32_t kind = LD_UDP;
    std::string ca;
    bool stun = false;
    std::atomic<uint64_t> registration{0};

private:
    Phone &phone_;
    pj_pool_t *pool_ = nullptr;
    std::map<std::string, pjsip_route_hdr *> routes_;
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
    std::atomic<bool> sip_trace{false};
    std::atomic<uint64_t> next_call{1};
    std::atomic<uint16_t> rtp_first{40000}, rtp_last{40999};
    // Guards only the maps and the text below; never held across a call into pjsua2.
    std::mutex mutex;
    std::map<uint64_t, std::unique_ptr<PhoneCall>> calls;
    std::map<int32_t, std::unique_ptr<PhoneAccount>> accounts;
    std::map<std::string, TransportId> transports;
    std::string tls_problem;
    int32_t tls_faults = 0;
    uint8_t sip_dscp = 0, rtp_dscp = 0;
    // Where the names are that routes carry; our own walk over servers has looked them up. Guarded by the mutex.
    std::map<std::pair<std::string, int>, pj_sockaddr> places;
    // What the devices that ld_name_devices told can do; used by the owning thread alone.
    std::map<std::string, std::pair<bool, bool>> named;
    // Their names in pjmedia's order, and those of devices that have gone.
    std::vector<std::string> known;
    // How many have a device open, or are about to.
    std::atomic<int> sounding{0};
    // Whom we have sent a request to, and when (seconds of pj_gettickcount): the servers of the profile, and where those sent
    // us on to. Guarded by the mutex.
    std::map<std::string, long> servers;
    std::atomic<bool> stun_lives{false};
    std::atomic<int32_t> strangers{0};
    std::atomic<int64_t> stranger_told{0};
    std::atomic<int64_t> refused_told{0};
    // Where the microphone goes whatever the calls hear of it: the bridge measures only what somebody listens to, and who
    // speaks while muted is to be told.
    pj_pool_t *meter_pool = nullptr;
    pjsua_conf_port_id meter = PJSUA_INVALID_ID;
    // What plays by itself, and what only the operator hears; used by the owning thread alone.
    std::map<uint64_t, std::shared_ptr<Player>> players;
    uint64_t next_player = 1;
    std::shared_ptr<Ear> ear;
    // Made when sound is first needed; used by the owning thread alone.
    std::shared_ptr<SoundCard> card;
    // Calls to be freed once that harms nobody; used by the owning thread alone.
    std::vector<std::unique_ptr<PhoneCall>> ended;

    void post(ld_event &e) {
        if (!e.text) e.text = "";
        if (!e.text2) e.text2 = "";
        if (!e.text3) e.text3 = "";
        if (!e.headers) e.headers = "";
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
    std::pair<std::string, int32_t> take_tls_problem() {
        std::lock_guard<std::mutex> lock(mutex);
        std::pair<std::string, int32_t> t{std::string(), tls_faults};
        t.first.swap(tls_problem);
        tls_faults = 0;
        return t;
    }
    TransportId transport(int32_t kind, const std::string &extra_ca, bool ipv6);
    // What the system trusts, and besides that the certificates in a file.
    std::string trusted_with(const std::string &extra_ca) const;
    // TURN over TLS is verified as SIP over TLS is; pjsua by itself takes any certificate.
    void trust_turn(int32_t id, const std::string &extra_ca);
    // An answer to REGISTER tells whether that was to unregister.
    void tell_goodbyes();
    // Names go through our own table instead of pjlib's resolver; the rest is looked up as before.
    void resolve_by_table();
    bool is_stranger(const char *address) {
        std::lock_guard<std::mutex> lock(mutex);
        return servers.count(address) == 0;
    }
    // Counts what was dropped, and tells it now and then.
    void turned_away(const char *address);
    // After the library's end.
    void end_table();
};

// Whoever opens a device holds one of these: until then devices keep their places in pjmedia's list, and ALSA its plugins. Who
// takes too long hangs in its sound server, perhaps for ever, and the list does not wait for that: its place in it is not
// written while it bears the same name.
class Opening {
public:
    Opening();
    ~Opening();
    Opening(const Opening &) = delete;
    Opening &operator=(const Opening &) = delete;
    // While it is held nobody begins to open a device; it owns nothing when somebody does so already.
    static std::unique_lock<std::mutex> none();
    // So long a device may take; Bluetooth takes two seconds.
    static constexpr std::chrono::seconds LONGEST{6};

private:
    std::list<std::chrono::steady_clock::time_point>::iterator entry_;
};
// When nobody has a device open any more.
void unload_plugins();
// At the end of the phone.
void end_players(Phone &phone);
void end_ear(Phone &phone);
// Calls that are not being hung up.
unsigned live_calls();
// The bounds of guard.cpp are kept for this phone; nullptr: no longer.
pj_status_t guard(Phone *phone);
// quality.cpp: the numbers that decide how a call sounds. The first before libInit, the second after it.
void quality(MediaConfig &media);
void opus_quality();

inline Phone &self(ld_phone *phone) { return *reinterpret_cast<Phone *>(phone); }

inline PhoneCall *active(ld_phone *phone, uint64_t call, ld_error *error) {
    PhoneCall *c = reinterpret_cast<Phone *>(phone)->call(call, error);
    if (!c || (c->getId() != PJSUA_INVALID_ID && pjsua_call_is_active(c->getId()))) return c;
    fail(error, PJSIP_ESESSIONTERMINATED, "the call is over");
    return nullptr;
}

inline bool with_call(ld_phone *phone, uint64_t call, ld_error *error, bool (*f)(PhoneCall &, ld_error *)) {
    return guarded(error, [&] {
        PhoneCall *c = active(phone, call, error);
        return c && f(*c, error);
    });
}

inline CallOpParam audio_only() {
    CallOpParam op(true);
    op.opt.audioCount = 1;
    op.opt.videoCount = 0;
    op.opt.textCount = 0;
    return op;
}

} // namespace linedesk

#endif
