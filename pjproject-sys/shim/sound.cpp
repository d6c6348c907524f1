// Sound: the devices that there are, opening and closing them, and who hears whom on the bridge.
#include "phone.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#if PJMEDIA_AUDIO_DEV_HAS_ALSA
#include <alsa/asoundlib.h>
#include <pjmedia-audiodev/alsa.h>
#endif

#include <cerrno>
#include <chrono>

using namespace linedesk;

namespace linedesk {

std::shared_timed_mutex naming_devices;

// Unloads ALSA's plugins and its tree of configuration: 7 MB that a phone which waits for calls does not need.
void unload_plugins(const Phone &phone) {
    if (!phone.players.empty() || pjsua_snd_is_active()) return;
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
        // A player may be opening one of them now; one that hangs in it must not hang us.
        std::unique_lock<std::shared_timed_mutex> alone(naming_devices, std::chrono::milliseconds(200));
        if (!alone.owns_lock()) {
            fail(error, PJ_EBUSY, "a sound device is being opened");
            return false;
        }
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

void ld_sound_close(ld_phone *phone) {
    quietly([&] {
        pjsua_set_no_snd_dev();
        unload_plugins(self(phone));
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
