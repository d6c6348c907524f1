// Sound: the devices that there are, and who hears whom on the bridge. Opening and closing them: card.cpp.
#include "phone.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#if PJMEDIA_AUDIO_DEV_HAS_ALSA
#include <alsa/asoundlib.h>
#include <pjmedia-audiodev/alsa.h>
#endif

#include <algorithm>
#include <cerrno>

using namespace linedesk;

namespace linedesk {

namespace {

// Leaked: a thread that hangs may come back while the process ends.
struct Openings {
    std::mutex mutex;
    std::list<std::chrono::steady_clock::time_point> since;
};
Openings &openings() {
    static auto &all = *new Openings;
    return all;
}

} // namespace

Opening::Opening() {
    std::lock_guard<std::mutex> lock(openings().mutex);
    auto &since = openings().since;
    entry_ = since.insert(since.end(), std::chrono::steady_clock::now());
}

Opening::~Opening() {
    std::lock_guard<std::mutex> lock(openings().mutex);
    openings().since.erase(entry_);
}

std::unique_lock<std::mutex> Opening::none() {
    std::unique_lock<std::mutex> lock(openings().mutex);
    // The last is the youngest.
    const auto &since = openings().since;
    if (!since.empty() && std::chrono::steady_clock::now() - since.back() < LONGEST) lock.unlock();
    return lock;
}

// Unloads ALSA's plugins and its tree of configuration: 7 MB that a phone which waits for calls does not need.
void unload_plugins() {
    const auto nobody_opens = Opening::none();
    if (!nobody_opens.owns_lock()) return;
#if PJMEDIA_AUDIO_DEV_HAS_ALSA
    snd_config_update_free_global();
#endif
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

} // namespace linedesk

namespace {

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

} // namespace

extern "C" {

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
        auto known = self(phone).known;
        std::map<std::string, std::pair<bool, bool>> now;
        for (uint32_t i = 0; i < count; i++) {
            auto &can = now[devices[i].name];
            can = {can.first || devices[i].capture, can.second || devices[i].playback};
        }
        // A name keeps its place for as long as there is room, so that an index stays what it was while another device comes
        // or goes; then new names take the places of those that have gone.
        bool changed = known.empty();
        for (const auto &device : now) {
            if (std::find(known.begin(), known.end(), device.first) != known.end()) continue;
            changed = true;
            auto gone = known.end();
            if (known.size() >= PJMEDIA_AUD_DEV_MAX_DEVS - 2)
                gone = std::find_if(known.begin(), known.end(), [&](const std::string &name) { return !now.count(name); });
            if (gone != known.end()) *gone = device.first;
            else if (known.size() < PJMEDIA_AUD_DEV_MAX_DEVS - 2) known.push_back(device.first);
        }
        if (!changed) {
            named.swap(now);
            return true;
        }
        const auto nobody_opens = Opening::none();
        if (!nobody_opens.owns_lock()) {
            fail(error, PJ_EBUSY, "a device is being opened");
            return false;
        }
        // With none at all pjmedia would enumerate by itself; ld_devices leaves this one out.
        if (known.empty()) known.push_back("default");
        std::vector<const char *> names;
        for (const auto &name : known) names.push_back(name.c_str());
        named.swap(now);
        self(phone).known = known;
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
        const auto nobody_opens = Opening::none();
        if (refresh && nobody_opens.owns_lock()) pjmedia_aud_dev_refresh();
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

} // extern "C"
